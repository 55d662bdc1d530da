"""Rooms import downwards only, heavy packages stay in theirs, and no room knows Snakemake."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "einthoven"

# A room may import itself and what is listed; `core` is open to all (docs/decisions).
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "config": set(),
    "fem": set(),
    "anatomy": set(),
    "mesh": {"anatomy"},
    "fibers": {"mesh", "anatomy", "fem"},
    "conduction": {"fibers", "mesh", "anatomy", "fem"},
    "leadfield": {"fem", "mesh", "anatomy"},
    "ecg": set(),
    "dataset": set(),
    "encoders": {"dataset", "ecg"},
    "surrogate": {"encoders", "dataset", "ecg"},
    "evaluation": {"surrogate", "encoders", "dataset", "ecg"},
    "inverse": {"dataset", "ecg", "evaluation"},
    "imaging": {"dataset", "ecg", "evaluation"},
    "study": {"fem", "mesh", "anatomy", "fibers", "conduction", "leadfield", "ecg", "dataset"},
    "plots": {"*"},
    "pretrained": {"*"},
    "runs": {"config", "anatomy", "leadfield"},
    "export": {"dataset", "leadfield"},
}
ONLY_IN: dict[str, set[str]] = {
    "dolfinx": {"fem"},
    "petsc4py": {"fem"},
    "ufl": {"fem"},
    "snakemake": set(),
    "matplotlib": {"plots"},
    "torch": {"encoders", "surrogate", "inverse", "imaging", "dataset"},
    "gmsh": {"mesh", "anatomy"},
}
LEARNING_HALF = ("dataset", "ecg", "encoders", "surrogate", "evaluation")
WITHOUT_SOLVERS = """
import importlib, pkgutil, sys

class NoSolvers:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"dolfinx", "dolfinx_solver", "petsc4py", "gmsh", "ufl"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, NoSolvers())
try:
    importlib.import_module("einthoven.fem.petsc")
except ImportError:
    pass
else:
    sys.exit("the solvers are not hidden")
for room in sys.argv[1:]:
    package = importlib.import_module(f"einthoven.{room}")
    print(package.__name__)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        print(importlib.import_module(module.name).__name__)
"""
"""Imports all modules of the rooms given as arguments, and prints their names."""
FILES = sorted(SOURCE.glob("*/**/*.py"))


def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports, at any level."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_room_imports_downwards_only(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    allowed = MAY_IMPORT[room] | {room, "core"}
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "einthoven" and len(parts) > 1 and (SOURCE / parts[1]).is_dir():
            assert "*" in allowed or parts[1] in allowed, f"{room} imports {name}"
        if parts[0] in ONLY_IN:
            assert room in ONLY_IN[parts[0]], f"{room} imports {name}"


def test_learning_half_imports_without_the_solvers() -> None:
    """Where no finite element package can be imported, all of the learning half still can."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOLVERS, *LEARNING_HALF], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stdout.split())
    for room in LEARNING_HALF:
        for path in (SOURCE / room).glob("*.py"):
            name = f"einthoven.{room}.{path.stem}".removesuffix(".__init__")
            assert name in loaded, f"{name} was not imported"
