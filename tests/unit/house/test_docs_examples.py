"""What the documents say to type works: the commands, names, paths and settings there exist."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
import yaml

import einthoven as ei
from einthoven.app.cli import COMMANDS, build_parser
from einthoven.base.config.load import validate
from einthoven.base.config.models import Config

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "einthoven"
DATED = ROOT / "docs" / "studies"
"""Records of a day: what they name may have gone since."""
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent != DATED),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks of a page in one of some languages, without their indentation."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [
        "\n".join(line.removeprefix(indent) for line in text.splitlines())
        for indent, language, text in found
        if language in languages
    ]


def commands(text: str) -> list[list[str]]:
    """Words after `einthoven` of each line that calls it; a backslash joins lines."""
    lines = (line.removeprefix("$ ") for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    calls = (
        re.split(r" [>|&]+ ", line)[0] for line in lines if re.match(r"(\$ )?einthoven ", line)
    )
    return [shlex.split(call, comments=True)[1:] for call in calls]


def refusal(words: list[str]) -> str:
    """What the command line answers to words that it does not understand; else nothing."""
    answer = io.StringIO()
    try:
        with contextlib.redirect_stderr(answer):
            build_parser().parse_args([word for word in words if word != "..."])
    except SystemExit:
        return f"einthoven {' '.join(words)}: {answer.getvalue().splitlines()[-1]}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_are_understood(page):
    typed = [words for text in blocks(page, "", "bash", "sh") for words in commands(text)]
    assert not [line for words in typed if (line := refusal(words))]


def test_a_command_that_is_not_understood_is_found():
    (words,) = commands("einthoven predict sheet.csv anna \\\n    --chek 9  # typing error\n")
    assert "unrecognized arguments: --chek" in refusal(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_are_understood(name):
    text = "\n".join(line.strip() for line in str(COMMANDS[name].__doc__).splitlines())
    shown = commands(text)
    assert shown and not [line for words in shown if (line := refusal(words))]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_public_names_exist(page):
    named = set(re.findall(r"\b(?:ei|einthoven)\.([A-Za-z_]\w*)", page.read_text()))
    files = {"zarr", "yaml"}
    assert not named - files - WINGS - set(ei.__all__)


ROOMS = {path.parent.name for path in SOURCE.glob("*/*/__init__.py")}
WINGS = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
SUFFIXES = tuple(".py .md .npz .json .csv .png .safetensors .dat .pts .elem .lon .vtu".split())


def exists(name: str) -> bool:
    """Whether a dotted name that begins with a wing or a room is a room, a module, or in one."""
    parts = name.split(".")
    for home in [SOURCE, *(path for path in SOURCE.iterdir() if (path / parts[0]).is_dir())]:
        for k in range(len(parts), 0, -1):
            path, rest = home.joinpath(*parts[:k]), parts[k:]
            module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            if module.exists():
                text = module.read_text()
                return all(re.search(rf"\b{word}\b", text) for word in rest)
    return False


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_names_of_the_library_exist(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    named = re.findall(r"`([a-z_]+(?:\.[A-Za-z_]\w*)+)[`(]", prose)
    places = (ROOMS | WINGS) - set(Config.model_fields)
    named = [name for name in named if name.partition(".")[0] in places]
    imports = re.findall(r"^from einthoven\.(\S+) import (.+)", page.read_text(), re.MULTILINE)
    named += [f"{module}.{name.strip()}" for module, names in imports for name in names.split(",")]
    assert not [name for name in named if not name.endswith(SUFFIXES) and not exists(name)]


def test_a_name_that_is_gone_is_found():
    assert exists("ecg.simulate.simulate_ecg") and exists("body.mesh")
    assert not exists("ecg.simulate.simulate_eeg") and not exists("ecg.simulates")


FOLDERS = "benchmarks|config|docs|envs|profiles|src|studies|tests|tools|workflow"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_paths_of_the_project_exist(page):
    named = re.findall(rf"(?<![\w/.~-])((?:{FOLDERS})/[\w./*-]+)", page.read_text())
    paths = [path.rstrip("./") for path in named if not re.search(r"TOPIC|YYYY", path)]
    assert not [path for path in paths if not any(ROOT.glob(path))]
    modules = re.findall(r"`([a-z_]+)((?:/\w+)*\.py)`", page.read_text())  # `mesh/sliver.py`
    inside = [f"{room}{rest}" for room, rest in modules if room in ROOMS]
    assert not [path for path in inside if not any(SOURCE.glob(f"*/{path}"))]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_settings_are_those_of_the_config(page):
    for text in blocks(page, "yaml"):
        settings = yaml.safe_load(text)
        if settings.keys() & set(Config.model_fields):  # and not a profile of Snakemake
            assert validate(settings)
