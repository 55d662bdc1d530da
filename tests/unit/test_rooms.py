"""The plan of the house: who may import whom, and how large a room, file or function may be."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import networkx

SOURCE = Path(__file__).resolve().parents[2] / "src" / "einthoven"

ORDER = (
    "core config geometry dataset training metrics plots fem bem patient anatomy atlases "
    "segmentation imported mesh fibers electrophysiology leadfield ecg samples encoders surrogate "
    "prediction analysis evaluation inverse imaging worlds cases publish report run cli __init__"
).split()
"""A room imports itself and the rooms before it (docs/decisions.md); `__init__` is the root."""
ONLY = {"core": {"core"}, "plots": {"core", "plots"}}
"""Rooms that import less than their place allows."""
ONLY_IN = {
    "dolfinx": {"fem"},
    "petsc4py": {"fem"},
    "ufl": {"fem"},
    "gmsh": {"geometry", "mesh"},
    "h5py": {"atlases", "cases/matlab_hdf5.py"},
    "jinja2": {"report"},
    "lightning": {"training"},
    "matplotlib": {"plots", "report"},
    "mlflow": {"training"},
    "optuna": {"training"},
    "snakemake": {"run"},
    "torch": {
        "training",
        "encoders",
        "surrogate",
        "prediction",
        "inverse",
        "imaging",
        "dataset/torch_loader.py",
    },
}
"""Heavy package -> rooms, or files, that may import it, at the top or inside a function."""
LARGEST_ROOM = 0.16
MAX_LINES = 300
MAX_ARGUMENTS = 6
MANY_ARGUMENTS = {
    "electrophysiology/eikonal.py: solve_eikonal",
    "prediction/torchscript.py: forward",
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
    return Path(name).parts[0].removesuffix(".py")


def test_every_room_has_its_place() -> None:
    assert {room_of(name) for name in FILES} <= set(ORDER)


def test_rooms_import_downwards_only() -> None:
    wrong = []
    for name in FILES:
        room = room_of(name)
        allowed = ONLY.get(room, set(ORDER[: ORDER.index(room) + 1]))
        for module in imported(name):
            package, _, rest = module.partition(".")
            if package == "einthoven" and (rest.partition(".")[0] or "__init__") not in allowed:
                wrong.append(f"{name} imports {module}")
            if package in ONLY_IN and not {room, name} & ONLY_IN[package]:
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


LEARNING_HALF = "dataset training metrics samples encoders surrogate prediction evaluation".split()
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


def test_learning_half_imports_without_the_solvers() -> None:
    """Where no finite element package can be imported, all of the learning half still can."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOLVERS, *LEARNING_HALF], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stdout.split())
    missing = {m for m, name in MODULES.items() if room_of(name) in LEARNING_HALF} - loaded
    assert not missing
