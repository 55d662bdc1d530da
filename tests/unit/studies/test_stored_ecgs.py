"""ECGs of one patient on three meshes: one tree, more cells, and the reference equals itself."""

import numpy as np
import pytest
from stored_ecgs import StoredPatient, compared, relative

from einthoven.app.run.plan import Plan
from einthoven.base.config import validate
from einthoven.body.mesh.thin_walls import with_inner_nodes

PLAN = Plan.of(
    validate({
        "anatomy": {"heart_edge_mm": 6.0},
        "mesh": {"heart_edge_mm": 7.0, "torso_edge_mm": 40.0, "electrode_edge_mm": 30.0},
        "ecg": {"scenarios": ["sinus"], "duration_ms": 100.0},
        "repolarisation": {"field": "homogeneous"},
    })
)  # fmt: skip


def test_a_relative_difference_is_one_number_per_scenario():
    reference = np.ones((2, 12, 5))
    assert relative(reference * [[[1.5]], [[0.75]]], reference) == pytest.approx([0.5, 0.25])


def test_the_tree_is_the_same_with_inner_nodes():
    patient = StoredPatient(0, PLAN)
    usual = patient.mesh()
    first, other = (patient.on(mesh) for mesh in (usual, with_inner_nodes(usual)))
    grown, again = patient.tree(first), patient.tree(other)
    attached = patient.tree(other, grown)
    for name in ("tree_points", "pmj_nodes", "pmj_times"):
        assert np.array_equal(getattr(grown, name), getattr(again, name)), name
        assert getattr(attached, name) == pytest.approx(getattr(grown, name)), name


@pytest.mark.slow
def test_inner_nodes_bring_the_ecg_nearer_to_the_reference():
    rows = compared(0, PLAN, [3.0])
    assert rows["reference"]["difference"] == {"sinus": 0.0}
    usual, inner = rows["as meshed"], rows["inner nodes"]
    assert usual["heart_cells"] < inner["heart_cells"] < rows["reference"]["heart_cells"]
    assert 0.0 < inner["difference"]["sinus"] < usual["difference"]["sinus"]
