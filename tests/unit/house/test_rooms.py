"""The plan of the house: who may import whom, and how large a room, file or function may be."""

import ast
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import networkx
import pytest

from einthoven.base.config.models import Config  # noqa: F401  (it imports all sections)
from einthoven.base.config.section import Section

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "einthoven"

ONLY_IN = {
    "dolfinx": {"numerics/fem"},
    "petsc4py": {"numerics/fem"},
    "ufl": {"numerics/fem"},
    "gmsh": {"base/geometry", "body/mesh"},
    "h5py": {"body/atlases", "inverse/measured/matlab.py", "physics/ecg"},
    "jinja2": {"app/report"},
    "lightning": {"numerics/training"},
    "matplotlib": {"base/plots", "app/report"},
    "mlflow": {"numerics/training"},
    "optuna": {"numerics/training"},
    "snakemake": {"app/run"},
    "torch": {
        "numerics/training",
        "learning/encoders",
        "learning/surrogate",
        "learning/prediction",
        "inverse",
        "imaging",
        "data/dataset/torch_loader.py",
    },
}
"""Heavy package -> wings, rooms, or files, that may import it, at the top or inside a function."""
MAX_WINGS = 9
LARGEST_ROOM = 0.16
MAX_LINES = 400
MAX_ARGUMENTS = 6
MANY_ARGUMENTS = {
    "learning/prediction/torchscript.py: forward",
}
"""Functions that still take more; the list only gets shorter."""

FILES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}
MODULES = {
    ".".join(["einthoven", *Path(name).with_suffix("").parts]).removesuffix(".__init__"): name
    for name in FILES
}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text())


@cache
def imported(name: str) -> frozenset[str]:
    """Full names of all modules that a file imports, at any level."""
    names: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in MODULES else str(node.module))
    return frozenset(names)


def room_of(name: str) -> str:
    """`wing/room` of a file, or its wing where it lies beside the rooms."""
    return "/".join(Path(name).parts[:-1][:2])


def lint_imports(folder: Path) -> subprocess.CompletedProcess:
    """Hold the contracts of pyproject.toml against the package in a folder."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip


def test_wings_and_rooms_import_downwards_only() -> None:
    """Contracts of pyproject.toml: layers of wings, layers of rooms, nothing outside of them."""
    done = lint_imports(SOURCE.parent)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("where", "what", "broken"),
    [
        ("base/core/units.py", "einthoven.app.run.plan", "Wings BROKEN"),
        ("imaging/model/image.py", "einthoven.inverse.problem.method", "Wings BROKEN"),
        ("body/mesh/sizing.py", "einthoven.physics.leadfield.solve", "Wings BROKEN"),
        ("physics/leadfield/solve.py", "einthoven.physics.ecg.leads", "Rooms of physics BROKEN"),
        ("base/plots/style.py", "einthoven.base.metrics.fields", "Plots know arrays only BROKEN"),
        ("garage/car.py", "einthoven.base.core", "Wings"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, where, what, broken) -> None:
    """An arrow up, one between neighbours, and a tenth folder: each breaks a contract."""
    for name, path in FILES.items():
        to = tmp_path / "einthoven" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
    planted = tmp_path / "einthoven" / where
    planted.parent.mkdir(exist_ok=True)
    (planted.parent / "__init__.py").touch()
    before = planted.read_text() if planted.exists() else ""
    planted.write_text(f"{before}\nimport {what}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert broken in done.stdout, done.stdout


def test_there_are_few_wings_and_each_says_what_it_is() -> None:
    wings = sorted(path for path in SOURCE.iterdir() if (path / "__init__.py").exists())
    assert len(wings) <= MAX_WINGS
    for wing in wings:
        text = ast.get_docstring(tree(f"{wing.name}/__init__.py")) or ""
        rooms = {path.name for path in wing.iterdir() if (path / "__init__.py").exists()}
        assert "mports" in text, f"{wing.name}: what may it import?"
        assert all(f"`{room}`" in text for room in rooms), f"{wing.name}: name every room"
        assert rooms and all(ast.get_docstring(tree(f"{wing.name}/{r}/__init__.py")) for r in rooms)


def test_no_file_imports_the_front_door_or_a_heavy_package_of_others() -> None:
    wrong = []
    for name in FILES:
        places = {name, room_of(name), Path(name).parts[0]}
        for module in imported(name):
            package = module.partition(".")[0]
            if module == "einthoven" or (package in ONLY_IN and not places & ONLY_IN[package]):
                wrong.append(f"{name} imports {module}")
    assert not wrong


def test_no_import_goes_in_a_circle() -> None:
    graph = networkx.DiGraph(
        (module, other)
        for module, name in MODULES.items()
        for other in imported(name)
        if other in MODULES
    )
    assert graph.number_of_edges() > len(MODULES)
    assert not list(networkx.simple_cycles(graph))


def test_no_room_and_no_file_is_too_large() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}
    assert not {name: n for name, n in lines.items() if n > MAX_LINES}
    rooms: dict[str, int] = {}
    for name, n in lines.items():
        rooms[room_of(name)] = rooms.get(room_of(name), 0) + n
    shares = {room: n / sum(lines.values()) for room, n in rooms.items()}
    assert not {room: share for room, share in shares.items() if share > LARGEST_ROOM}


def n_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def test_functions_take_few_arguments() -> None:
    many = {
        f"{name}: {node.name}"
        for name in FILES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and n_arguments(node) > MAX_ARGUMENTS
    }
    assert many == MANY_ARGUMENTS, "take a settings object; strike from the list what is mended"


LEARNING_HALF = (
    "data/dataset numerics/training base/metrics learning/samples learning/encoders "
    "learning/surrogate learning/prediction app/evaluation"
).split()
WITHOUT_SOLVERS = """
import importlib, pkgutil, sys

class NoSolvers:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"dolfinx", "dolfinx_solver", "petsc4py", "gmsh", "ufl"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, NoSolvers())
try:
    importlib.import_module("einthoven.numerics.fem.petsc")
except ImportError:
    pass
else:
    sys.exit("the solvers are not hidden")
for room in sys.argv[1:]:
    package = importlib.import_module(f"einthoven.{room.replace('/', '.')}")
    print(package.__name__)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        print(importlib.import_module(module.name).__name__)
"""
"""Imports all modules of the rooms given as arguments, and prints their names."""


def test_learning_half_imports_without_the_solvers() -> None:
    """The learning half can be imported without any finite-element package."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOLVERS, *LEARNING_HALF], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stdout.split())
    missing = {m for m, name in MODULES.items() if room_of(name) in LEARNING_HALF} - loaded
    assert not missing


WITHOUT_A_ROOM = {"house", "benchmarks", "studies"}
"""Folders of tests/unit for what is not a wing."""


def test_tests_lie_as_the_code_does() -> None:
    """`tests/unit/<wing>/<room>/` for every room, and no folder that is none."""
    unit = ROOT / "tests/unit"
    rooms = {room_of(name) for name in FILES if len(Path(name).parts) > 2}
    tested = {
        str(path.parent.relative_to(unit)) for path in unit.rglob("test_*.py")
        if path.relative_to(unit).parts[0] not in WITHOUT_A_ROOM
    }  # fmt: skip
    assert tested == rooms


MAX_NAMESAKES = 3
"""Files of one name; from four on a name must say its noun without its folder."""


def test_a_class_name_means_one_thing() -> None:
    """No two classes share a name, and a section of the config is called `...Settings`."""
    homes: dict[str, list[str]] = {}
    for name in FILES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name)
    assert not {name: files for name, files in homes.items() if len(files) > 1}
    sections = {cls.__name__ for cls in descendants(Section)}
    assert {name for name in sections if not name.endswith("Settings")} == {"Config"}


def descendants(base: type) -> set[type]:
    """All classes of the library that inherit from one."""
    found = {cls for cls in base.__subclasses__() if cls.__module__.startswith("einthoven")}
    return found.union(*(descendants(cls) for cls in found))


def test_a_file_says_its_noun() -> None:
    counts = Counter(Path(name).name for name in FILES)
    assert not {
        name: n for name, n in counts.items() if n > MAX_NAMESAKES and name != "__init__.py"
    }
