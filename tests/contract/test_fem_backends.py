"""All installed solvers give the same lead fields, whatever they do inside."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from helpers.fem import ball_in_ball, electrodes_at, muscle_of, unit, with_fibers, without_heart

from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.leadfields import LeadFields
from einthoven.physics.leadfield.solve import solve_lead_fields

ELECTRODES = electrodes_at(100.0 * unit(np.random.default_rng(8).normal(size=(5, 3))))
PACKAGES = {"pardiso": "pypardiso", "cholmod": "sksparse", "amg": "petsc4py"}
IN_ITS_OWN_PROCESS = """
import sys
from einthoven.base.config.models import Leadfield
from einthoven.physics.leadfield.solve import solve_lead_fields
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
mesh, fibers, places, target, config = sys.argv[1:]
given = LeadFields.load(places)
electrodes = Electrodes(given.electrode_names, given.electrode_points)
patient = Patient.of_files(mesh=mesh, fibers=fibers)
solve_lead_fields(patient, electrodes, Leadfield.model_validate_json(config)).save(target)
"""
"""For CHOLMOD: Debian's OpenBLAS and that of the PETSc wheel cannot share a process."""


def body(kind):
    """A homogeneous ball; or an anisotropic core with turning fibres, 10 to 1 along and across."""
    if kind == "ball":
        mesh = without_heart(ball_in_ball(h_outer=18.0, h_inner=18.0, inner=50.0))
        return with_fibers(mesh, np.zeros((0, 3))), LeadFieldSettings(solver="mumps")
    mesh = ball_in_ball(h_outer=22.0, h_inner=9.0, centre=(10.0, -20.0, 15.0))
    x, y, z = muscle_of(mesh).centroids.T
    f0 = unit(np.stack([-y + 0.3 * z, x, 0.5 * z + 5.0], axis=1))
    sigma = dict(sigma_il_s_per_m=0.5, sigma_el_s_per_m=0.5)
    sigma |= dict(sigma_it_s_per_m=0.05, sigma_et_s_per_m=0.05)
    return with_fibers(mesh, f0), LeadFieldSettings(solver="mumps", **sigma)


def solved(patient, config, folder):
    if config.solver != "cholmod":
        return solve_lead_fields(patient, ELECTRODES, config)
    files = [folder / f"{name}.npz" for name in ("mesh", "fibers", "places", "out")]
    patient.mesh.save(files[0])
    patient.fibers.save(files[1])
    nothing = np.zeros((len(ELECTRODES.names), 0))
    LeadFields(
        patient=patient.name, lead_field=nothing, electrode_names=ELECTRODES.names,
        electrode_points=ELECTRODES.points, residual=nothing.sum(axis=1),
    ).save(files[2])  # fmt: skip
    command = [sys.executable, "-c", IN_ITS_OWN_PROCESS, *files, config.model_dump_json()]
    subprocess.run(command, check=True)
    return LeadFields.load(files[3])


@pytest.mark.parametrize("kind", ["ball", "anisotropic"])
@pytest.mark.parametrize("name", ["pardiso", "cholmod", "amg"])
def test_backends_agree(name, kind, tmp_path):
    if find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    patient, config = body(kind)
    expected = solve_lead_fields(patient, ELECTRODES, config)
    assert expected.residual.max() < 1e-11
    found = solved(patient, config.model_copy(update={"solver": name}), tmp_path)
    assert found.solver == name
    assert found.residual.max() < config.solver_tolerance
    assert _relative(found.lead_field, expected.lead_field) < 1e-8
    # what ECGs are made of: differences inside a small part of the body far from the electrodes
    points, n = patient.mesh.points, patient.mesh.n_heart_cells
    core = np.linalg.norm(points - points[: n or 1].mean(axis=0), axis=1) < 30
    parts = (fields.lead_field[:, core] for fields in (found, expected))
    here, there = (z - z.mean(axis=1, keepdims=True) for z in parts)
    assert _relative(here, there) < 1e-8


def test_single_precision_is_the_same_solution_rounded():
    patient, config = body("anisotropic")
    whole = solve_lead_fields(patient, ELECTRODES, config)
    single = solve_lead_fields(patient, ELECTRODES, config, dtype="float32")
    assert single.lead_field.dtype == np.float32 and whole.lead_field.dtype == np.float64
    np.testing.assert_array_equal(single.lead_field, whole.lead_field.astype(np.float32))
    np.testing.assert_array_equal(single.residual, whole.residual)


def _relative(found, expected):
    norms = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return norms.max()
