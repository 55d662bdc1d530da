"""The documents are true: generated pages equal their source, links lead somewhere."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from einthoven.base.core.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
WRITTEN = sorted(DOCS.rglob("*.md"))
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")), *WRITTEN]
TOPICS = sorted((DOCS / "results").glob("*.json"))
MAX_LINES = 120
MAY_BE_LONG = ("reference", "results", "data-format.md", "reproduction.md")
"""Lists to look things up in, and pages that are generated."""
NOT_THE_FIELDS_WORDS = re.compile(
    r"\b((?<!your )own patients?|cups|lids|rims|insulated ways?|so[- ]manyth|farthest off|gullet|"
    r"verdicts?|familiar(?:ity)?|strange|judgements?|told|mend(?:s|ed|ing)?)\b",
    re.IGNORECASE,
)
"""Words for which the field has others: imported patients, shells, valve caps, annuli, bundle
length, stride, farthest-point sampling, oesophagus, in distribution, calibration, repaired."""


def tool(name):
    """A module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_docs(page):
    return str(page.relative_to(DOCS))


def test_data_format_is_written_from_the_layout():
    writer = tool("write_data_format")
    assert writer.DOCUMENT.read_text() == writer.document(), "run tools/write_data_format.py"


@pytest.mark.parametrize("source", TOPICS, ids=lambda p: p.stem)
def test_figures_are_written_from_their_tables(source):
    page = source.with_suffix(".md").read_text()
    assert page == tool("write_results").document(source), "run tools/write_results.py"
    for table in json.loads(source.read_text())["tables"]:
        assert table["command"] in page and re.search(rf"^{table['date']}, ", page, re.M)


def test_every_page_of_figures_has_its_tables():
    written = {page.stem for page in (DOCS / "results").glob("*.md")}
    assert {"demo"} <= written == {source.stem for source in TOPICS}


TABLE = {"caption": "Errors. Of two.", "command": "make demo", "date": "2026-11-23",
         "on": "two cores", "columns": ["a", "b"], "rows": [[1, "2 | 3"]]}  # fmt: skip


def page_of(folder, table):
    source = folder / "topic.json"
    source.write_text(json.dumps({"title": "Topic", "intro": "Why.", "tables": [table]}))
    return tool("write_results").document(source)


def test_a_table_becomes_a_heading_rows_and_how_they_were_made(tmp_path):
    page = page_of(tmp_path, TABLE)
    assert "## Errors\n\nOf two.\n\n| a | b |\n|---|---|\n| 1 | 2 \\| 3 |\n" in page
    assert page.endswith("\n2026-11-23, two cores: `make demo`\n")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"date": ""}, r"table 1: missing or empty date"),
        ({"command": None}, r"table 1: missing or empty command"),
        ({"dates": "2026"}, r"table 1: unknown dates; the keys are caption"),
        ({"date": "November"}, r"table 1: date: 'November' is not YYYY-MM-DD"),
        ({"rows": [[1, 2], [3]]}, r"table 1: row 2 has not the 2 cells"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(tmp_path, wrong, message):
    with pytest.raises(BadInput, match=rf"topic\.json: {message}"):
        page_of(tmp_path, TABLE | wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", WRITTEN, ids=in_docs)
def test_a_page_answers_one_question(page):
    text = re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL).strip()
    assert text.startswith("# ")
    n_lines = len(text.splitlines())
    assert in_docs(page).startswith(MAY_BE_LONG) or n_lines <= MAX_LINES, f"{n_lines} lines"


@pytest.mark.parametrize("page", WRITTEN, ids=in_docs)
def test_words_are_those_of_the_field(page):
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    assert not NOT_THE_FIELDS_WORDS.findall(prose)


def test_studies_have_a_date_in_their_name():
    names = [page.name for page in (DOCS / "studies").glob("*.md")]
    assert names
    for name in names:
        assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d-[a-z0-9-]+\.md", name), name


def test_readme_shows_the_tutorial_that_the_tests_run():
    tutorial = (DOCS / "tutorials/one_patient.py").read_text()
    body = tutorial.split('"""\n', 1)[1].strip()
    assert body in (ROOT / "README.md").read_text()
