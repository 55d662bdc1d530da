"""The command line: help for every command, one clear line and status 2 on bad input."""

import re
import subprocess
import sys
import warnings

import pytest

from einthoven.app.cli import COMMANDS, main
from einthoven.app.cli.options import config_of
from einthoven.base.config import Config
from einthoven.data.dataset.sample import sample


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_every_command_has_help(command, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert f"usage: {' '.join(['einthoven', *command])}" in capsys.readouterr().out


NO_FILE = {
    "audit": ["audit", "nothing"],
    "check": ["check", "nothing"],
    "config": ["config", "nothing.yaml"],
    "costs": ["costs", "nothing"],
    "encode points": ["encode", "nothing.csv"],
    "encode surfaces": ["encode", "nothing.npz"],
    "encode by another": ["encode", "nothing.csv", "--encoder", "nowhere"],
    "explain": ["explain", "nothing"],
    "export": ["export", "nothing", "--to", "out"],
    "export-model": ["export-model", "nothing", "--to", "out.pt"],
    "image": ["image", "nothing.csv"],
    "import": ["import", "nothing.csv"],
    "fetch": ["fetch", "nobody-1999"],
    "inverse": [
        "inverse",
        "--heart",
        "nothing.vtp",
        "--torso",
        "t.vtp",
        "--electrodes",
        "e.csv",
        "--potentials",
        "nothing.mat",
    ],
    "predict": ["predict", "nothing"],
    "predict by another": ["predict", "nothing", "--model", "nowhere"],
    "progress": ["progress", "nothing"],
    "twin": ["twin", "nothing.csv", "--patient", "nobody"],
    "verify": ["verify", "nothing.zarr.zip"],
    "sensitivity": ["sensitivity", "nothing.zarr.zip"],
    "view": ["view", "nothing"],
}


def one_line(arguments: list[str], capsys) -> str:
    """The line that a command with bad input writes."""
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "einthoven:" in line]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("arguments", NO_FILE.values(), ids=NO_FILE)
def test_missing_file_is_named(arguments, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    line = one_line(arguments, capsys)
    assert any(word in line for word in ("nothing", "nobody-1999", "nowhere", "config/config.yaml"))


COMMANDS_OF_FILES = [
    "audit", "config", "export", "image", "verify", "encode", "import", "predict", "view"
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS_OF_FILES)
@pytest.mark.parametrize("suffix", [".yaml", ".npz", ".csv", ".zarr.zip"])
def test_file_of_nonsense_is_named(command, suffix, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("{}")
    (tmp_path / f"bad{suffix}").write_bytes(b"\x93 what is that? \xff\n")
    more = ["--to", "out"] if command == "export" else []
    assert "bad" in one_line([command, f"bad{suffix}", *more], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "p0000", "--threads", "0"],
        ["predict", "p0000", "--grid", "-1"],
        ["plan", "--cores", "0"],
        ["sensitivity", "p0000.zarr.zip", "--shift-mm", "nan"],
        ["explain", "p0000", "--leads", "V7"],
        ["explain", "p0000", "--at", "nan"],
        ["export", "p0000", "--to", "out", "--format", "stl"],
        ["export", "p0000"],
        ["nonsense"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_use_says_what_is_wanted(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "einthoven" in capsys.readouterr().err.splitlines()[-1]


def test_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "folder.yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "folder.yaml" in one_line(["config", "folder.yaml"], capsys)


SHEET = "patient,heart,torso,electrodes,unit,axes,tags\n"
MISTAKES = {
    "empty sheet": (["import", "sheet.csv"], {"sheet.csv": SHEET}, "no patient in the sheet"),
    "patient that is not in the sheet": (
        ["predict", "sheet.csv", "bob"],
        {"sheet.csv": f"{SHEET}eve,h.vtp,t.stl,e.csv,mm,LPS,\n"},
        "no patient bob; it has eve",
    ),
    "electrode without a place": (
        ["predict", str(sample("patient")), "--electrodes", "places.csv"],
        {"places.csv": "name,x,y,z\nV1,10,nan,3\n"},
        "places.csv: V1: NaN or infinite; give its place",
    ),
    "misspelt key": (["config", "c.yaml"], {"c.yaml": "cohort: {n_patient: 3}"},
                     "did you mean 'n_patients'?"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_remedy(mistake, tmp_path, monkeypatch, capsys) -> None:
    arguments, files, said = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert said in one_line(arguments, capsys)


def test_the_help_lists_every_command_once(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^  ([a-z][a-z-]+) {2,}\S", capsys.readouterr().out, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_interrupt_ends_with_one_line(monkeypatch, capsys) -> None:
    def interrupted(_arguments) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(COMMANDS["config"], "run", interrupted)
    assert main(["config"]) == 130
    assert capsys.readouterr().err.split("\n") == [
        "",
        "einthoven: config was interrupted; no file is incomplete",
        "",
    ]


def test_interrupt_before_a_command_ends_with_one_line(monkeypatch, capsys) -> None:
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("einthoven.app.cli.build_parser", interrupted)
    assert main(["config"]) == 130
    assert capsys.readouterr().err == "\neinthoven: interrupted\n"


PROGRAM = '''
import os, signal, sys
from einthoven.app.cli import main

class Late:
    """Among the last things of an interpreter, when its handlers and names are gone."""

    def __del__(self, kill=os.kill, which=(os.getpid(), signal.SIGINT)):
        kill(*which)

sys.kept = Late()
sys.argv = ["einthoven", "schema"]
sys.exit(main())
'''


def test_interrupt_while_the_program_ends_does_not_kill_it() -> None:
    """The answer is written; a status of a killed program would tell scripts otherwise."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("}\n")


def test_other_libraries_do_not_warn_the_user(monkeypatch, recwarn) -> None:
    monkeypatch.setattr("sys.warnoptions", [])
    monkeypatch.setattr(COMMANDS["config"], "run", lambda _: warnings.warn("theirs", stacklevel=1))
    assert main(["config"]) == 0
    assert not recwarn.list


def test_a_file_that_is_no_vtk_is_refused_in_one_line(tmp_path, capfd) -> None:
    """VTK itself prints to the process's stderr, which only `capfd` sees."""
    (tmp_path / "heart.vtp").write_text("no XML")
    (tmp_path / "sheet.csv").write_text(
        "patient,heart,torso,electrodes,unit,axes,tags\nanna,heart.vtp,heart.vtp,e.csv,mm,LPS,\n"
    )
    sheet = str(tmp_path / "sheet.csv")
    assert main(["import", sheet, "--to", str(tmp_path / "imported")]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "heart.vtp: not readable (Error parsing XML" in line


def test_a_config_is_the_clones_or_else_built_in(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_of(None) == Config()
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("cohort: {n_patients: 7}\n")
    assert config_of(None).cohort.n_patients == 7
    (tmp_path / "other.yaml").write_text("cohort: {n_patients: 8}\n")
    assert config_of(tmp_path / "other.yaml").cohort.n_patients == 8


@pytest.mark.slow
def test_the_shipped_patient_can_be_viewed(tmp_path, capsys) -> None:
    """It has surfaces alone: mesh, activation and lead fields are made and predicted."""
    page = tmp_path / "heart.html"
    assert main(["view", str(sample("patient")), "--to", str(page)]) == 0
    assert "what the shipped model predicts" in capsys.readouterr().out
    assert '"activation_time"' in page.read_text()
