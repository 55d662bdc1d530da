"""Lead fields of a patient: batches put together, rows by name, gradients."""

import numpy as np
import pytest
from helpers.fem import ball_in_ball, muscle_of, recovered_gradient

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields

NAMES = ["RA", "LA", "LL", "V1", "V2"]
FIELDS = np.arange(5.0)[:, None] + np.zeros(4)
PLACES = np.arange(15.0).reshape(5, 3)
WANTED = Electrodes(np.array(NAMES), PLACES)


def save_batch(folder, number, rows, patient="p0000", fields=FIELDS):
    path = folder / f"leadfield_b{number}.npz"
    LeadFields(
        patient=patient,
        lead_field=fields[rows],
        electrode_names=np.array(NAMES)[rows],
        electrode_points=PLACES[rows],
        residual=1e-14 * np.arange(5.0)[rows],
        batch=number,
        solver="mumps",
    ).save(path)
    return path


def test_gather_by_name_whatever_the_order(tmp_path):
    paths = [save_batch(tmp_path, 1, [4, 1]), save_batch(tmp_path, 0, [3, 0, 2])]
    gathered = LeadFields.gather(paths, WANTED)
    np.testing.assert_array_equal(gathered.lead_field, FIELDS)
    np.testing.assert_array_equal(gathered.electrode_points, PLACES)
    np.testing.assert_array_equal(gathered.residual, 1e-14 * np.arange(5.0))
    some = LeadFields.gather(paths, Electrodes(np.array(["V2", "RA"]), PLACES[[4, 0]]))
    np.testing.assert_array_equal(some.lead_field[:, 0], [4.0, 0.0])
    assert list(some.electrode_names) == ["V2", "RA"]


def test_gather_refuses_mix_ups(tmp_path):
    first = save_batch(tmp_path, 0, [0, 1, 2])
    with pytest.raises(BadInput, match="lacks V1, V2"):
        LeadFields.gather([first], WANTED)
    with pytest.raises(BadInput, match="LL given more than once"):
        LeadFields.gather([first, save_batch(tmp_path, 1, [2, 3, 4])], WANTED)
    with pytest.raises(BadInput, match="different patients"):
        LeadFields.gather([first, save_batch(tmp_path, 2, [3, 4], patient="p0001")], WANTED)
    with pytest.raises(BadInput, match="different patients or meshes"):
        LeadFields.gather([first, save_batch(tmp_path, 3, [3, 4], fields=FIELDS[:, :3])], WANTED)
    with pytest.raises(BadInput, match="V2 is 1 mm from"):
        moved = PLACES + np.array([0, 0, 0, 0, 1.0])[:, None] * [0, 1, 0]
        LeadFields.gather([first, save_batch(tmp_path, 4, [3, 4])], Electrodes(WANTED.names, moved))
    with pytest.raises(BadInput, match="no lead-field files"):
        LeadFields.gather([], WANTED)


def quadratic_fields(mesh, electrodes=3):
    """Two electrodes' worth of smooth nodal values, and the exact gradients at centroids."""
    x = mesh.points / 50
    values = np.stack([k + x[:, 0] * x[:, 1] + k * x[:, 2] ** 2 for k in range(electrodes)])
    middle = mesh.points[mesh.cells].mean(axis=1) / 50
    zero = np.zeros(len(middle))
    grads = [
        np.stack([middle[:, 1], middle[:, 0], 2 * k * middle[:, 2] + zero], axis=1) / 50
        for k in range(electrodes)
    ]
    names = np.array(NAMES[:electrodes])
    fields = LeadFields(
        patient="ball", lead_field=values, electrode_names=names,
        electrode_points=PLACES[:electrodes], residual=np.zeros(electrodes),
    )  # fmt: skip
    return fields, np.stack(grads)


def test_gradients_in_the_heart_are_of_the_kind_asked_for():
    mesh, heart = ball_in_ball(), muscle_of(ball_in_ball())
    fields, exact = quadratic_fields(mesh)
    nodal = fields.lead_field[:, : mesh.n_heart_nodes]
    recovered, raw = (fields.gradients(heart, kind) for kind in ("recovered", "raw"))
    np.testing.assert_allclose(
        recovered.grad, recovered_gradient(heart.points, heart.cells, nodal), atol=1e-12
    )
    hats = p1_gradients(heart.points, heart.cells)
    np.testing.assert_allclose(raw.grad, cell_gradient(hats, heart.cells, nodal), atol=1e-12)
    # quadratic fields are recovered exactly, linear elements are not
    exact = exact[:, : mesh.n_heart_cells]
    errors = [np.abs(its.grad - exact).mean() / np.abs(exact).mean() for its in (recovered, raw)]
    assert errors[0] < 1e-6 < 0.01 < errors[1]
    assert fields.gradients(heart).grad.tobytes() == recovered.grad.tobytes()  # the default
    assert recovered.gradients(heart, "raw") is recovered
    wrong = LeadFieldGradients(fields.electrode_names[:2], PLACES[:2], recovered.grad)
    with pytest.raises(BadInput, match="grad"):
        wrong.gradients(heart)


def test_gradients_at_cells_stay_within_their_tissue():
    """Z has a kink at the heart's surface: recovery over it would mix both sides."""
    mesh = ball_in_ball()
    fields, _ = quadratic_fields(mesh)
    radius = np.linalg.norm(mesh.points, axis=1)
    kinked = fields.lead_field + np.where(radius > 40, 5.0 * (radius - 40) / 50, 0.0)
    fields = LeadFields(**{**vars(fields), "lead_field": kinked})
    rng = np.random.default_rng(3)
    cells = rng.permutation(len(mesh.cells))[:500]
    grad = fields.gradients_at(mesh, cells)
    assert grad.dtype == np.float32 and grad.shape == (3, 500, 3)
    inside = cells < mesh.n_heart_cells
    assert 20 < inside.sum() < 480
    in_heart = fields.gradients(muscle_of(mesh)).grad[:, cells[inside]]
    np.testing.assert_allclose(grad[:, inside], in_heart, rtol=1e-5, atol=1e-8)
    raw = fields.gradients_at(mesh, cells, "raw")
    hats = p1_gradients(mesh.points, mesh.cells[cells])
    np.testing.assert_allclose(
        raw, cell_gradient(hats, mesh.cells[cells], kinked), rtol=1e-4, atol=1e-8
    )
    assert (mesh.cell_tags[cells[inside]] == Tissue.MYOCARDIUM).all()
    short = LeadFields(**{**vars(fields), "lead_field": kinked[:, :-1]})
    with pytest.raises(BadInput, match="lead_field: shape"):
        short.gradients_at(mesh, cells)


def test_rows_are_found_by_name():
    fields, _ = quadratic_fields(ball_in_ball())
    assert [fields.row(name) for name in ("LL", "RA")] == [2, 0]
    with pytest.raises(BadInput, match="no electrode 'V9'; there are"):
        fields.row("V9")
