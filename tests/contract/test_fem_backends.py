"""All installed solvers give the same lead fields, whatever they do inside."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from helpers_fem import ball_in_ball, unit

from einthoven.config import Config
from einthoven.core.errors import BadInput
from einthoven.core.tags import Tissue
from einthoven.leadfield.solve import lead_fields

ELECTRODES = 100.0 * unit(np.random.default_rng(8).normal(size=(5, 3)))
SECTION = Config().leadfield.model_dump()
PACKAGES = {"pardiso": "pypardiso", "cholmod": "sksparse", "amg": "petsc4py"}
IN_ITS_OWN_PROCESS = """
import sys
import numpy as np
from einthoven.leadfield.solve import lead_fields
name, source, target = sys.argv[1:]
given = dict(np.load(source))
f0, electrodes, sigmas = (given.pop(key) for key in ("f0", "electrodes", "sigmas"))
section = dict(zip([
    "sigma_il_s_per_m", "sigma_it_s_per_m", "sigma_el_s_per_m", "sigma_et_s_per_m",
    "sigma_torso_s_per_m", "sigma_blood_s_per_m", "sigma_lung_s_per_m"], sigmas.tolist()))
lead_field, residual = lead_fields(given, f0, electrodes, solver=name, **section)
np.savez(target, lead_field=lead_field, residual=residual)
"""
"""For CHOLMOD: Debian's OpenBLAS and that of the PETSc wheel cannot share a process."""


def body(kind):
    """A homogeneous ball; or an anisotropic core with turning fibres, 10 to 1 along and across."""
    if kind == "ball":
        mesh = ball_in_ball(h_outer=18.0, h_inner=18.0, inner=50.0)
        tags = np.full(len(mesh["cells"]), Tissue.TORSO, dtype=np.int8)
        return mesh | {"cell_tags": tags}, np.zeros((0, 3)), SECTION
    mesh = ball_in_ball(h_outer=22.0, h_inner=9.0, centre=(10.0, -20.0, 15.0))
    heart = mesh["cells"][mesh["cell_tags"] == Tissue.MYOCARDIUM]
    x, y, z = mesh["points"][heart].mean(axis=1).T
    f0 = unit(np.stack([-y + 0.3 * z, x, 0.5 * z + 5.0], axis=1))
    sigma = {"sigma_il_s_per_m": 0.5, "sigma_el_s_per_m": 0.5}
    return mesh, f0, SECTION | sigma | {"sigma_it_s_per_m": 0.05, "sigma_et_s_per_m": 0.05}


def solved(name, mesh, f0, section, folder):
    if name != "cholmod":
        return lead_fields(mesh, f0, ELECTRODES, **section | {"solver": name})
    sigmas = [value for key, value in section.items() if key.startswith("sigma_")]
    given = {"f0": f0, "electrodes": ELECTRODES, "sigmas": sigmas}
    np.savez(folder / "in.npz", **mesh, **given)
    files = [str(folder / "in.npz"), str(folder / "out.npz")]
    subprocess.run([sys.executable, "-c", IN_ITS_OWN_PROCESS, name, *files], check=True)
    result = np.load(folder / "out.npz")
    return result["lead_field"], result["residual"]


@pytest.mark.parametrize("kind", ["ball", "anisotropic"])
@pytest.mark.parametrize("name", ["pardiso", "cholmod", "amg"])
def test_backends_agree(name, kind, tmp_path):
    if find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    mesh, f0, section = body(kind)
    expected, residual = lead_fields(mesh, f0, ELECTRODES, **section | {"solver": "mumps"})
    assert residual.max() < 1e-11
    found, residual = solved(name, mesh, f0, section, tmp_path)
    assert residual.max() < section["solver_tolerance"]
    assert _relative(found, expected) < 1e-8
    # what ECGs are made of: differences inside a small part of the body far from the electrodes
    core = np.linalg.norm(mesh["points"] - mesh["points"][: len(f0) or 1].mean(axis=0), axis=1) < 30
    here, there = (z[:, core] - z[:, core].mean(axis=1, keepdims=True) for z in (found, expected))
    assert _relative(here, there) < 1e-8


@pytest.mark.parametrize("name", ["mumps", "amg"])
def test_kept_nodes_and_type(name):
    """A region of interest is a selection of the whole, in the type asked for."""
    mesh, f0, section = body("anisotropic")
    section |= {"solver": name}
    keep = np.array([5, 3, 700])
    whole, residual = lead_fields(mesh, f0, ELECTRODES, **section)
    part, same = lead_fields(mesh, f0, ELECTRODES, keep=keep, dtype="float32", **section)
    assert part.dtype == np.float32 and whole.dtype == np.float64
    np.testing.assert_array_equal(part, whole[:, keep].astype(np.float32))
    np.testing.assert_array_equal(same, residual)
    for bad in (keep + len(mesh["points"]), keep - 4, keep * 1.0):
        with pytest.raises(BadInput, match="keep: node ids"):
            lead_fields(mesh, f0, ELECTRODES, keep=bad, **section)


def _relative(found, expected):
    norms = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return norms.max()
