"""What the documentation site shows besides docs/*.md; hooks of mkdocs.yml.

Pages that are made from what they document, so that they cannot be out of date: the reference (a
page a room, from docstrings), the tutorials (the files that the tests run), the config's keys,
the changelog and the guide for contributors. Links to files outside docs/ become file names, as the
site holds no sources.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "einthoven"
COPIES = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "config.md": "config/README.md",
}
"""Page -> file outside docs/."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the rooms of all wings under the last entry of `nav`."""
    wings: list[Any] = [
        {wing.name: [{room.name: f"reference/{room.name}.md"} for room in _folders(wing)]}
        for wing in _folders(SOURCE)
    ]
    assert config.nav is not None
    config.nav[-1] = {"Reference": ["reference/index.md", *wings]}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    pages = {page: (ROOT / source).read_text() for page, source in COPIES.items()}
    pages |= dict(_tutorials()) | dict(_reference())
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
    markdown = re.sub(r"\]\(((?:tutorials/)?\w+)\.py\)", r"](\1.md)", markdown)
    outside = rf"\[([^]]*)\]\({re.escape(up)}\.\./([^)]*)\)"
    return re.sub(outside, r"\1 (`\2`)", markdown)


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if (folder / "__init__.py").exists())


def _docstring(folder: Path) -> str:
    return ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""


def _tutorials() -> Iterator[tuple[str, str]]:
    """Each file's docstring, then its code."""
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.py")):
        text = path.read_text()
        head = ast.get_docstring(ast.parse(text)) or ""
        code = text.split('"""\n', 1)[1].strip()
        title, _, rest = head.partition("\n")
        title = title.removesuffix(" Run by the tests.").removesuffix(".")
        yield (
            f"tutorials/{path.stem}.md",
            f"# {title}\n\n{rest.strip()}\n\n`docs/tutorials/{path.name}`, which the tests run:\n\n"
            f"```python\n{code}\n```\n",
        )


def _reference() -> Iterator[tuple[str, str]]:
    """The front door, and a page a room with its modules."""
    doors = [
        "# The front door\n\n::: einthoven\n    options: {show_root_heading: false}\n\n## Wings\n"
    ]
    for wing in _folders(SOURCE):
        doors.append(f"\n### {wing.name}\n\n{_docstring(wing)}\n")
        for room in _folders(wing):
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
