"""Docstrings begin with their noun; they, messages and help use the words of the field."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[3] / "src"
PACKAGE = SRC / "einthoven"

BEGINNINGS = re.compile(
    r"(Of|As|In|By|With|From|See|Its|There|These|Those|This|Which|What|How|Where|When|Who)\b"
)
"""Words that are no noun of what is described; `As filed.` says nothing."""

MAY_BEGIN = re.compile(
    r"(From (a|an|user|published|[a-z]+ (to|files)\b)|From [^.]{3,}? to |Where and when|With-)"
)
"""Beginnings that are titles all the same."""

BANNED = (
    "so-manieth", "so-manyth", "gullet", "told", "tells apart", "mended", "mend", "familiar",
    "unfamiliar", "strange", "own_code", "lids", "the paper", "the paper's",
    "half-written", "cut short", "blown up", "has no say", "have no say", "has a say",
    "as filed", "is filed", "foretell", "falls apart", "beforehand", "put right",
    "a MB", "ms a lead", "ms a sample", "s a job", "one a patient", "a line a", "one a node",
    "judgement", "mends", "mending", "played", "bred", "sure of itself", "for certain",
    "by so much", "of so many", "whole or not", "each whole", "far away", "teach nothing",
)  # fmt: skip
"""Words of section 6 of the style, each of which has a word of the field."""
FORBIDDEN = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, BANNED)) + r")(?![\w-])")


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of docstrings, also of those below constants and fields."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement in node.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                if isinstance(statement.value.value, str):
                    yield statement.lineno, statement.value.value.strip()


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of what users read: errors, log lines, prints, help."""
    for node in ast.walk(tree):
        spoken: list[ast.expr] = []
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            spoken = [*node.exc.args]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "print" or name.startswith("logger."):
                spoken = [*node.args]
            spoken += [key.value for key in node.keywords if key.arg in ("help", "description")]
        for part in (inner for expression in spoken for inner in ast.walk(expression)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield node.lineno, part.value


FILES = sorted(SRC.rglob("*.py"))
IDS = [path.relative_to(SRC).as_posix() for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_docstrings_begin_with_their_noun(path: Path):
    found = [
        f"{line}: {text.splitlines()[0]}"
        for line, text in docstrings(ast.parse(path.read_text()))
        if BEGINNINGS.match(text) and not MAY_BEGIN.match(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_words_are_those_of_the_field(path: Path):
    tree = ast.parse(path.read_text())
    found = [
        f"{line}: {match.group()}: {' '.join(text.split())[:90]}"
        for line, text in [*docstrings(tree), *messages(tree)]
        if (match := FORBIDDEN.search(text))
    ]
    assert not found, "\n".join(found)


def test_one_name_is_one_class():
    """Classes that are named alike in two files cannot be found by their name."""
    files = dict[str, set[str]]()
    for folder in ("src/einthoven", "workflow", "tools", "studies", "benchmarks"):
        for path in (SRC.parent / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    files.setdefault(node.name, set()).add(str(path.relative_to(SRC.parent)))
    twice = {name: sorted(where) for name, where in files.items() if len(where) > 1}
    assert len(files) > 400 and not twice
