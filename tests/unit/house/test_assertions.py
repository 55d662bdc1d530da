"""A test that cannot fail is none: every test function asserts, itself or by a helper that does."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in TESTS.rglob("test_*.py"))
CHECKERS = ("assert_", "check_")
RAISING = {"raises", "warns", "fail"}
"""Names of pytest."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def functions(path: Path) -> dict[str, ast.AST]:
    """Name -> function, at any level of a file, and those that it imports from tests/helpers."""
    found: dict[str, ast.AST] = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("helpers"):
            helper = TESTS.joinpath(*str(node.module).split(".")).with_suffix(".py")
            there = functions(helper)
            found |= {a.asname or a.name: there[a.name] for a in node.names if a.name in there}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node
    return found


def called(node: ast.AST) -> str:
    """The last name of what a call calls."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def asserts(function: ast.AST, known: dict[str, ast.AST], seen: frozenset[str]) -> bool:
    """Whether a function asserts, or calls one of the known ones that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        name = called(node)
        if name in RAISING or name.startswith(CHECKERS):
            return True
        if name in known and name not in seen and asserts(known[name], known, seen | {name}):
            return True
    return False


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_asserts(path):
    silent = [
        node.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if not asserts(node, functions(path), frozenset({node.name}))
    ]
    assert not silent, "a test without an assertion of its own"


def test_a_silent_test_is_found():
    silent = ast.parse("def test_a():\n    helper()\n\ndef helper():\n    return 1").body
    known = {node.name: node for node in silent}
    assert not asserts(known["test_a"], known, frozenset({"test_a"}))
    loud = ast.parse("def helper():\n    np.testing.assert_allclose(1, 1)").body[0]
    assert asserts(known["test_a"], known | {"helper": loud}, frozenset({"test_a"}))
