"""The documentation site: builds without warning, needs no network, and names what exists."""

import html
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import einthoven

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "einthoven"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    nowhere = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]  # `strict`: a warning ends the build
    return folder


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    loaded = re.compile(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"(https?:)?//[^\"]*\"")
    for page in pages:
        assert not loaded.search(page.read_text()), page


def test_every_module_has_its_reference(site):
    pages = {room.parent.name: (site / f"reference/{room.parent.name}.html").read_text()
             for room in SOURCE.glob("*/*/__init__.py")}  # fmt: skip
    for path in SOURCE.rglob("*.py"):
        if path.name != "__init__.py":
            parts = path.relative_to(SOURCE).with_suffix("").parts
            assert f'id="einthoven.{".".join(parts)}"' in pages[parts[1]], path


def test_written_pages_do_not_hide_those_of_rooms():
    rooms = {room.parent.name for room in SOURCE.glob("*/*/__init__.py")} | {"index"}
    assert not rooms & {page.stem for page in (ROOT / "docs/reference").glob("*.md")}


def test_the_api_page_links_every_public_name(site):
    page = (site / "reference/index.html").read_text()
    for name in set(einthoven.__all__) - {"__version__", "FRONT_DOOR"}:
        assert re.search(rf'href="\w+\.html#einthoven[^"]*"><code>ei\.{name}</code>', page), name


def test_every_page_is_in_the_contents_of_its_folder(site):
    for folder in ("how-to", "explanation", "results", "studies"):
        contents = (site / folder / "index.html").read_text()
        for page in (ROOT / "docs" / folder).glob("*.md"):
            assert f'href="{page.stem}.html"' in contents, page


def test_tutorials_are_shown_as_the_tests_run_them(site):
    for path in (ROOT / "docs/tutorials").glob("*.py"):
        page = (site / f"tutorials/{path.stem}.html").read_text()
        shown = html.unescape(re.sub(r"<[^>]*>", "", page))
        title = path.read_text().strip().splitlines()[0].strip('"').partition(".")[0]
        assert title in shown
        comments = re.findall(r"^# (.*)", path.read_text(), re.M)
        assert all(f"# {line}" not in shown for line in comments)
        assert all(line.replace("`", "") in shown for line in comments)
        if (printed := path.with_suffix(".txt")).exists():
            assert printed.read_text().splitlines()[-1] in shown


def test_search_works_in_a_folder_without_a_server(site):
    """Browsers neither fetch nor start workers from files: index and worker are scripts."""
    page = (site / "index.html").read_text()
    shim, bundle = page.index("javascripts/iframe-worker.js"), page.index("javascripts/bundle")
    assert shim < bundle
    index = (site / "search/search_index.js").read_text()
    assert index.startswith("var __index = ") and "reciprocity" in index


def _exists(name: str) -> bool:
    """Whether a dotted name is a room, a module, or what a module defines."""
    (room,) = SOURCE.glob(f"*/{name.partition('.')[0]}/__init__.py")
    parts = [room.parent.parent.name, *name.split(".")]
    for k in range(len(parts), 0, -1):
        path = SOURCE.joinpath(*parts[:k])
        if path.is_dir() and k == len(parts):
            return True
        if (module := path.with_suffix(".py")).exists():
            rest = parts[k:]
            return not rest or re.search(rf"^(def|class) {rest[0]}\b", module.read_text(), re.M)
    return False


def test_theory_names_functions_that_exist():
    page, rooms = (
        (ROOT / "docs/reference/theory.md").read_text(),
        {p.parent.name for p in SOURCE.glob("*/*/__init__.py")},
    )
    names = [n for n in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", page)
             if n.split(".")[0] in rooms]  # fmt: skip
    assert len(names) > 25
    for name in names:
        assert _exists(name), name


def test_config_reference_is_written_from_the_models():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/write_config_reference.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.DOCUMENT.read_text() == tool.document(), "run tools/write_config_reference.py"
