"""Pages of the documentation site besides docs/*.md; hooks of mkdocs.yml.

Pages that are made from what they document, so that they cannot be out of date: the reference (a
page per room, from docstrings), the tutorials (the files that the tests run), the contents of each
folder, the config's keys, the changelog and the guide for contributors. Links to files outside
docs/ become file names, as the site holds no sources.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "einthoven"
COPIES = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "config.md": "config/README.md",
}
"""Page -> file outside docs/."""
CONTENTS = {
    "how-to": ("How-to", "A task per page, with the commands for it."),
    "explanation": ("Explanation", "How it works, and why it is built like this."),
    "results": ("Results", "Today's figures: a page per topic, each table with its command."),
    "studies": ("Studies", "What was tried and measured, and when. The newest first."),
}
"""Folder -> title and first sentence of its page of contents."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Entries of `nav` that end in a slash become the pages of that folder."""
    assert config.nav is not None
    config.nav = [_expanded(entry) for entry in config.nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    pages = {page: (ROOT / source).read_text() for page, source in COPIES.items()}
    pages |= dict(_tutorials()) | dict(_reference())
    pages |= {f"{folder}/index.md": _contents(folder) for folder in CONTENTS}
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    for file in list(files):
        if file.src_uri.endswith(".py"):
            files.remove(file)
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Links that lead to files in the repository lead to their pages, or become names of files."""
    uri = page.file.src_uri
    if uri in COPIES:
        markdown = re.sub(r"\]\((?:\.\./)*docs/", "](", markdown)
    up = "../" * uri.count("/")
    for made, source in COPIES.items():
        markdown = markdown.replace(f"]({up}../{source})", f"]({up}{made})")
    markdown = re.sub(r"\]\(((?:\.\./)?(?:tutorials/)?\w+)\.py\)", r"](\1.md)", markdown)
    outside = rf"\[([^]]*)\]\({re.escape(up)}\.\./([^)]*)\)"
    return re.sub(outside, r"\1 (`\2`)", markdown)


def _expanded(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    ((title, value),) = entry.items()
    if isinstance(value, str) and value.endswith("/"):
        return {title: _pages_of(value.removesuffix("/"))}
    return entry


def _pages_of(folder: str) -> list[Any]:
    """The pages of a folder of docs/, its page of contents first."""
    if folder == "reference":
        wings: list[Any] = [
            {wing.name: [{room.name: f"reference/{room.name}.md"} for room in _rooms(wing)]}
            for wing in _rooms(SOURCE)
        ]
        return [f"{folder}/index.md", "data-format.md", "config.md", *_written(folder), *wings]
    return [f"{folder}/index.md", *_written(folder)]


def _written(folder: str) -> list[str]:
    """Tutorials in the order of their index, studies by date, the others by name."""
    if folder == "tutorials":
        named = re.findall(r"\((\w+)\.py\)", (DOCS / folder / "index.md").read_text())
        rest = sorted(path.stem for path in (DOCS / folder).glob("*.py"))
        return [f"{folder}/{name}.md" for name in dict.fromkeys([*named, *rest])]
    names = sorted(path.name for path in (DOCS / folder).glob("*.md") if path.name != "index.md")
    return [f"{folder}/{name}" for name in (reversed(names) if folder == "studies" else names)]


def _contents(folder: str) -> str:
    """The pages of a folder with the first sentence of each."""
    title, what = CONTENTS[folder]
    lines = [f"# {title}\n\n{what}\n"]
    for page in _written(folder):
        path = DOCS / page
        text = re.sub(r"<!--.*?-->", "", path.read_text(), flags=re.S).strip()
        head, _, rest = text.partition("\n")
        first = rest.strip().split("\n\n")[0].replace("\n", " ")
        sentence = re.split(r"(?<=[.?]) (?=[A-Z`*\[])", first)[0].rstrip(":")
        prose = sentence[:3] != "```" and sentence[:1] not in "|!-#"
        lines.append(f"- [{head.removeprefix('# ')}]({path.name})" + f": {sentence}" * prose)
    return "\n".join(lines) + "\n"


def _rooms(path: Path) -> list[Path]:
    """Wings of the library, or rooms of a wing; each imports only from those before it."""
    container = ".".join(["einthoven", *path.relative_to(SOURCE).parts])
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c.get("containers") == [container])
    names = [name.strip() for layer in reversed(layers) for name in layer.split("|")]
    return [path / name for name in names]


def _docstring(folder: Path) -> str:
    return ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""


def _tutorials() -> Iterator[tuple[str, str]]:
    """Each file as a page: its docstring, comments as text between the code, then its output.

    The tests run the files and hold what is printed (`tests/helpers/tutorials.py`).
    """
    for path in sorted((DOCS / "tutorials").glob("*.py")):
        text = path.read_text()
        head = ast.get_docstring(ast.parse(text)) or ""
        title, _, rest = head.partition("\n")
        title = title.removesuffix(" Run by the tests.").removesuffix(".")
        parts = [f"# {title}", rest.strip(), *_prose_and_code(text.split('"""\n', 1)[1])]
        if (printed := path.with_suffix(".txt")).exists():
            parts += ["## What it prints", f"```text\n{printed.read_text().rstrip()}\n```"]
        if path.with_suffix(".png").exists():
            parts.append(f"![{title}]({path.stem}.png)")
        parts.append(f"The code in one piece is `docs/tutorials/{path.name}`, which the tests run.")
        yield f"tutorials/{path.stem}.md", "\n\n".join(part for part in parts if part) + "\n"


def _prose_and_code(code: str) -> Iterator[str]:
    """Markdown of a tutorial: comments that fill lines at the margin are text, the rest is code."""
    lines: list[str] = []
    kind = ""
    for line in [*code.strip().splitlines(), None]:
        new = kind if not line else "text" if line.startswith("# ") else "code"
        if line is None or (new != kind and lines):
            block = "\n".join(lines).strip()
            yield f"```python\n{block}\n```" if kind == "code" else block
            lines = []
        if line is not None:
            kind = new
            lines.append(line.removeprefix("# ") if kind == "text" else line)


def _reference() -> Iterator[tuple[str, str]]:
    """The front door, and a page per room with its modules."""
    doors = [f"# The front door\n\n{_docstring(SOURCE)}\n", *_front_door(), "\n## Wings\n"]
    for wing in _rooms(SOURCE):
        doors.append(f"\n### {wing.name}\n\n{_docstring(wing)}\n")
        for room in _rooms(wing):
            what = _docstring(room)
            doors.append(f"- [`{room.name}`]({room.name}.md): {what.partition(chr(10))[0]}")
            modules = [
                ".".join(["einthoven", *path.relative_to(SOURCE).with_suffix("").parts])
                for path in sorted(room.rglob("*.py"))
                if path.name != "__init__.py"
            ]
            blocks = "\n\n".join(f"::: {module}" for module in modules)
            yield f"reference/{room.name}.md", f"# {room.name}\n\n{what}\n\n{blocks}\n"
    yield "reference/index.md", "\n".join(doors) + "\n"


def _front_door() -> Iterator[str]:
    """Public names, grouped by what one wants, with links to where they are defined."""
    for group, names in _groups().items():
        yield f"\n## {group}\n\n| name | what it is |\n|---|---|"
        for name, home in names.items():
            module, _, there = home.partition(":")
            defined, what = _defined(module, there or name)
            yield f"| [`ei.{name}`][einthoven.{defined}.{there or name}] | {what} |"


def _groups() -> dict[str, dict[str, str]]:
    """Group -> public name -> `module` or `module:name there`, of `einthoven/__init__.py`."""
    found = {}
    for node in ast.parse((SOURCE / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id in ("FRONT_DOOR", "_HOMES"):
                found[target.id] = ast.literal_eval(node.value)
    return found.get("FRONT_DOOR") or {"Public names": found["_HOMES"]}


def _defined(module: str, name: str) -> tuple[str, str]:
    """The module that defines a name, which others may re-export, and the docstring's start."""
    path = SOURCE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return module, (ast.get_docstring(node) or "").partition("\n")[0].replace("|", "\\|")
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return _defined((node.module or "").removeprefix("einthoven."), name)
    return module, ""
