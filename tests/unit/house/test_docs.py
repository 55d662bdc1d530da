"""The documents are true: the data format is the layout's, links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
         *sorted((ROOT / "docs").rglob("*.md"))]  # fmt: skip


def test_data_format_is_written_from_the_layout():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/write_data_format.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.DOCUMENT.read_text() == tool.document(), "run tools/write_data_format.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_readme_shows_the_tutorial_that_the_tests_run():
    tutorial = (ROOT / "docs/tutorials/one_patient.py").read_text()
    body = tutorial.split('"""\n', 1)[1].strip()
    assert body in (ROOT / "README.md").read_text()
