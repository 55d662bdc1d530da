"""The front door: what it lists is there, and the tutorials need nothing else."""

import ast
import inspect
from pathlib import Path

import pytest

import einthoven as ei

ROOT = Path(__file__).resolve().parents[3]
DOOR = ROOT / "src/einthoven/__init__.py"
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.py"))
NAMES = [name for group in ei.FRONT_DOOR.values() for name in group]


def imports(tree: ast.AST) -> list[tuple[str, str]]:
    """(module, name here) of all imports below a node; a name of a module after a dot."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found += [(f"{node.module}.{a.name}", a.asname or a.name) for a in node.names]
    return found


def test_the_door_opens_to_all_that_it_lists_and_nothing_else():
    assert len(set(NAMES)) == len(NAMES) <= 51
    assert set(ei.__all__) == {"FRONT_DOOR", "__version__", *NAMES}
    assert dir(ei) == sorted(ei.__all__)
    assert all(getattr(ei, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'open'"):
        _ = ei.open


def test_type_checkers_see_the_same_homes():
    """Names below `if TYPE_CHECKING` are those of the table, from the same places."""
    (block,) = (node for node in ast.parse(DOOR.read_text()).body if isinstance(node, ast.If))
    seen = {name: home for home, name in imports(block)}
    homes = {
        name: f"einthoven.{module}.{there or name}"
        for group in ei.FRONT_DOOR.values()
        for name, (module, _, there) in ((n, home.partition(":")) for n, home in group.items())
    }
    assert seen == homes


@pytest.mark.parametrize("name", NAMES)
def test_what_is_public_says_what_it_takes(name):
    """Arguments or attributes are described, and the errors of functions that raise some."""
    thing = getattr(ei, name)
    text = inspect.getdoc(thing) or ""
    assert len(text.split()) > 7 and text[0].isupper()
    if inspect.isfunction(thing) and inspect.signature(thing).parameters:
        assert "Args:" in text


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_goes_through_the_front_door_alone(path):
    tree = ast.parse(path.read_text())
    ours = [pair for pair in imports(tree) if pair[0].partition(".")[0] == "einthoven"]
    assert ours == [("einthoven", "ei")], "one import of einthoven, and no deep one"
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "ei"
    }
    assert used and used <= set(NAMES)
