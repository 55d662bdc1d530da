"""Extras: every import is declared, and a missing one is reported."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from einthoven.base.core.errors import EXTRA_OF, MissingExtra, extra

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES_OF = {
    "pyyaml": {"yaml"},
    "dolfinx-solver-real": {"dolfinx", "dolfinx_solver", "petsc4py", "mpi4py", "ufl", "basix"},
    "pynrrd": {"nrrd"},
    "scikit-image": {"skimage"},
    "scikit-learn": {"sklearn"},
    "fim-python": {"fimpy"},
    "scikit-sparse": {"sksparse"},
    "pyvista": {"pyvista", "vtkmodules"},
}
"""Distribution -> what is imported of it, where that is not its name."""
WITH_SNAKEMAKE = "snakemake_logger_plugin_einthoven"
"""Imported by Snakemake alone."""


def distributions(requirements: list[str]) -> set[str]:
    """Names of requirements, those of other extras of ours followed."""
    found = set()
    for requirement in requirements:
        name = re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower()
        if name == "einthoven":
            for other in requirement.partition("[")[2].rstrip("]").split(","):
                found |= distributions(PROJECT["optional-dependencies"][other])
        else:
            found.add(name)
    return found


def modules(requirements: list[str]) -> set[str]:
    names = distributions(requirements)
    return set().union(*(MODULES_OF.get(name, {name.replace("-", "_")}) for name in names))


BARE = modules(PROJECT["dependencies"])
EXTRAS = {name: modules(these) for name, these in PROJECT["optional-dependencies"].items()}


def imports(node: ast.AST, within: str | None = None, told: bool = False):
    """(package, extra of the `with` around it, whether an ImportError is reported) below a node."""
    for child in ast.iter_child_nodes(node):
        its, says = within, told
        if isinstance(child, ast.With):
            for item in child.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "extra":
                    its = call.args[0].value
        if isinstance(child, ast.Try):
            says = any("ImportError" in ast.dump(h.type) for h in child.handlers if h.type)
        if isinstance(child, ast.With) and "suppress" in ast.dump(child.items[0]):
            says = True
        names = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        if isinstance(child, ast.ImportFrom):
            names = [child.module]
        for name in names:
            yield name.partition(".")[0], its, says
        yield from imports(child, its, says)


def test_every_import_is_declared() -> None:
    """Outside of `with extra(...)` the bare install, what the file has below one, and what the
    doors name (`extras_named`)."""
    wrong = []
    for path in sorted((ROOT / "src" / "einthoven").rglob("*.py")):
        if path.name == "gmsh_worker.py":  # a child of `tetrahedralise`, which looks first
            continue
        found = list(imports(ast.parse(path.read_text())))
        below_one = {package for package, its, _ in found if its}
        for package, its, told in found:
            ours = package in sys.stdlib_module_names or package == "einthoven"
            allowed = BARE | set(EXTRA_OF) | (EXTRAS[its] if its else below_one)
            if told:
                allowed = allowed.union(*EXTRAS.values())
            if not ours and package not in allowed:
                wrong.append(f"{path.relative_to(ROOT)}: {package}")
    assert not wrong, "declare it in pyproject.toml, or put it below `with extra(...)`"


def test_all_has_all() -> None:
    """But for the direct solvers that bring gigabytes or compile."""
    rest = set().union(*EXTRAS.values()) - EXTRAS["all"]
    assert rest == EXTRAS["pardiso"] | EXTRAS["cholmod"]


def test_the_lock_has_all_of_it() -> None:
    locked = set(
        re.findall(r"^([a-z0-9_-]+)==", (ROOT / "envs/requirements.lock").read_text(), re.M)
    )
    assert not distributions([*PROJECT["dependencies"], "einthoven[all]"]) - locked


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match=r"meshing needs .*no_such_mesher.*'einthoven\[solve\]'"):
        with extra("solve", "meshing"):
            import no_such_mesher  # noqa: F401


def test_the_doors_name_extras_that_bring_the_package() -> None:
    assert all(package in EXTRAS[name] for package, name in EXTRA_OF.items())


def installed(*extras: str) -> str:
    """Python lines after which only the bare install and these extras can be imported."""
    hidden = set().union(*EXTRAS.values()) - BARE - set().union(*(EXTRAS[name] for name in extras))
    if extras:  # PyVista brings pooch, which brings requests
        hidden -= {"pooch", "requests"}
    return f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(hidden)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
import einthoven as ei
from einthoven.app.cli import COMMANDS, build_parser, main
"""


def run_with(code: str, *arguments: str, extras: tuple[str, ...] = (), silent: bool = True) -> str:
    """Standard output of a process that sees the bare install and some extras.

    Silent ones write nothing else: no library's warnings, and no lines of our own log.
    """
    command = [sys.executable, "-c", installed(*extras) + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not (silent and done.stderr), done.stderr[-3000:]
    return done.stdout


BARE_NAMES = """Config load_config EinthovenError draw_patient Patient read_sheet Electrodes
read_ecg qrs_duration read_potentials reconstruct open_dataset sample BenchmarkTask Submission
ecg_figure""".split()
"""Public names that the bare install has for certain."""


def test_each_public_name_loads_or_names_its_extra() -> None:
    code = """
for name in ei._HOMES:
    try:
        getattr(ei, name)
    except ei.EinthovenError as error:
        print(name, error)
"""
    lines = {line.partition(" ")[0]: line for line in run_with(code).splitlines()}
    assert not set(BARE_NAMES) & set(lines)
    assert "pip install 'einthoven[patients]'" in lines["build_anatomy"]
    assert "pip install 'einthoven[patients]'" in lines["write_view"]
    for name in ("image", "fit_twin", "predict", "train_surrogate"):
        assert "pip install 'einthoven[learn]'" in lines[name], "not first [patients], then [learn]"


def test_all_modules_load_without_solvers() -> None:
    code = """
import importlib, pkgutil
for module in pkgutil.walk_packages(ei.__path__, "einthoven."):
    if module.name.rpartition(".")[2] in ("__main__", "gmsh_worker"):
        continue
    try:
        importlib.import_module(module.name)
    except ei.EinthovenError as error:
        print(module.name, error)
for name in ei.__all__:
    getattr(ei, name)
"""
    lines = run_with(code, extras=("learn",)).splitlines()
    assert {line.partition(" ")[0] for line in lines} == {
        f"einthoven.numerics.fem.{name}" for name in ("petsc", "mumps", "multigrid")
    }
    assert all("pip install 'einthoven[solve]'" in line for line in lines)


HEAVY = {"numpy", "scipy", "pydantic", "xarray", "zarr", "matplotlib", "torch", "pyvista", "numba"}


def test_help_imports_nothing_heavy() -> None:
    code = f"""
build_parser().format_help()
print(sorted({HEAVY} & set(sys.modules)), len(COMMANDS))
"""
    empty, _, n = run_with(code).strip().rpartition(" ")
    assert empty == "[]" and int(n) > 15


def test_reading_drawing_audit_and_check_without_extras(tmp_path) -> None:
    code = """
from pathlib import Path
to = Path(sys.argv[1])
beat = ei.open_dataset(ei.sample())["ecg"].isel(patient=2).sel(scenario="sinus")
ei.ecg_figure(beat["time"].values, {"sample": beat["ecg"].values}).savefig(to / "ecg.png")
import numpy as np
np.save(to / "ecg.npy", beat["ecg"].values)
print(ei.Patient.open(ei.sample("patient")).anatomy.split)
assert main(["check", str(ei.sample())]) == 0
assert main(["audit", str(to / "ecg.npy"), "--rate-hz", "1000", "--figure", str(to / "a.png")]) == 0
assert main(["audit", str(ei.sample())]) == 0
assert main(["config"]) == 0
"""
    said = run_with(code, str(tmp_path))
    assert "ok, einthoven-dataset, 3 patients" in said and "QRS duration, ms" in said
    assert (tmp_path / "ecg.png").stat().st_size > 10_000
    assert (tmp_path / "a.png").exists()


NEEDS = {
    "view {patient}": "patients",
    "export {patient} --to x": "patients",
    "explain {patient}": "patients",
    "import none.csv": "patients",
    "predict {patient}": "learn",
    "image none.hea": "learn",
    "twin none.hea --patient {patient}": "learn",
}
"""Command line -> extra that brings all it needs."""


def test_a_command_names_the_extra_that_brings_all_it_needs() -> None:
    code = """
import contextlib, io
for line in sys.argv[1:]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main(line.format(patient=ei.sample("patient")).split())
    print(status, said.getvalue().strip())
"""
    lines = run_with(code, *NEEDS).splitlines()
    for line, (command, name) in zip(lines, NEEDS.items(), strict=True):
        assert line.startswith(f"2 einthoven: einthoven {command.split()[0]} needs"), line
        assert f"pip install 'einthoven[{name}]'" in line


def test_imaging_with_learn_alone(tmp_path) -> None:
    code = """
import numpy as np
from pathlib import Path
to = Path(sys.argv[1])
beat = ei.open_dataset(ei.sample())["ecg"].isel(patient=2).sel(scenario="sinus")
np.save(to / "ecg.npy", beat["ecg"].values)
assert main(["image", str(to / "ecg.npy"), "--rate-hz", "1000", "--to", str(to / "imaged")]) == 0
"""
    run_with(code, str(tmp_path), extras=("learn",))
    assert (tmp_path / "imaged" / "activation.csv").exists()


@pytest.mark.slow
def test_predicting_from_surfaces_with_learn_alone(tmp_path) -> None:
    """To the ECG; the lattice is logged, and the check by finite elements names the extra."""
    code = """
patient, to = str(ei.sample("patient")), sys.argv[1]
assert main(["predict", patient, "--grid", "0", "--to", to]) == 0
assert main(["predict", to, "--grid", "0", "--to", to + "/again", "--check", "2"]) == 2
"""
    told = run_with(code, str(tmp_path), extras=("learn",), silent=False)
    assert "in distribution" in told
    assert (tmp_path / "ecg_sinus.png").exists()
