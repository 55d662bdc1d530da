"""What a run stores of a patient, against the papers' equations in plain NumPy.

The arrays are read from the files as they are; of the library only the action potential, the
recovered gradients and the signed distances are asked.
"""

import json

import numpy as np
import pytest
from helpers_workflow import CI, snakemake

from einthoven.core.files import load_arrays
from einthoven.core.names import LEADS
from einthoven.electrophysiology.cells.template import template
from einthoven.geometry.gradient_recovery import recovered_gradient
from einthoven.geometry.signed_distance import signed_distances

pytestmark = pytest.mark.workflow

ALONG_I, ACROSS_I, ALONG, ACROSS, TORSO = 0.3, 0.03, 0.6, 0.15, 0.06
"""mS/mm: intracellular, and together with the extracellular space; torso and blood."""
FOUR_PI = 4 * np.pi
SPLIT = {"train": {"p0000", "p0001"}, "val": {"p0002"}, "test": {"p0003"}}


class Stored:
    """Files of one patient of a finished run, and what follows from them by hand."""

    def __init__(self, folder):
        self.anatomy, self.mesh, self.fibers, self.ecg, self.field = (
            load_arrays(folder / f"{stage}.npz")
            for stage in ("anatomy", "mesh", "fibers", "ecg", "field")
        )
        self.tau = {
            name: load_arrays(folder / f"activation_{name}.npz")["activation_time"].astype(float)
            for name in ("sinus", "lbbb")
        }
        batches = [load_arrays(folder / f"leadfield_b{k}.npz") for k in (0, 1)]
        self.names = np.concatenate([batch["electrode_names"] for batch in batches]).tolist()
        self.places = np.concatenate([batch["electrode_points"] for batch in batches])
        self.z = np.concatenate([batch["lead_field"] for batch in batches]).astype(float)
        n_cells = int((self.mesh["cell_tags"] == 1).sum())
        self.cells = self.mesh["cells"][:n_cells]
        self.points = self.mesh["points"]
        self.n_nodes = int(self.cells.max()) + 1
        corners = self.points[self.cells]
        self.edges = corners[:, 1:] - corners[:, :1]
        self.volumes = np.abs(np.linalg.det(self.edges)) / 6
        self.middle = corners.mean(axis=1)

    def slopes(self, values):
        """Gradients of a linear function in the heart's cells: [cell, 3]."""
        rise = values[self.cells[:, 1:]] - values[self.cells[:, :1]]
        return np.linalg.solve(self.edges, rise[..., None])[..., 0]

    def conduct(self, along, across, vectors):
        """(across I + (along - across) f f^T) v."""
        f0 = self.fibers["f0"].astype(float)
        return across * vectors + (along - across) * (f0 * vectors).sum(1, keepdims=True) * f0

    def potential(self, scenario, grad, time, n=6, step=0.1):
        """Eq. (3), phi = - int G_i grad V_m . grad Z dx, for V_m = U(t - tau): [electrode, time].

        grad V_m = - U'(t - tau) grad tau. Each cell is n (n + 1) (n + 2) / 6 points; what they
        give is gathered by tau in bins of `step` ms.
        """
        tau = self.tau[scenario]
        flow = self.conduct(ALONG_I, ACROSS_I, self.slopes(tau)) * self.volumes[:, None]
        i, j, k = (axis.ravel() for axis in np.indices((n, n, n)))
        inside = i + j + k < n
        lattice = np.stack([i, j, k, n - 1 - i - j - k], axis=1)[inside] + 0.25
        met = lattice / lattice.sum(axis=1, keepdims=True) @ tau[self.cells].T  # [point, cell]
        edges = np.arange(tau.min() - step, tau.max() + 2 * step, step)
        centre = 0.5 * (edges[1:] + edges[:-1])
        clock, beat = template(step)
        later, sooner = (
            np.interp(time[:, None] - centre + half, clock, beat) for half in (step / 2, -step / 2)
        )
        found = []
        for its in grad:
            strength = (flow * its).sum(axis=1) / len(lattice)
            source = np.histogram(met, edges, weights=np.broadcast_to(strength, met.shape))[0]
            found.append((later - sooner) / step @ source)
        return np.array(found)


@pytest.fixture(scope="module")
def metrics(finished):
    return json.loads((finished / "results/report/metrics.json").read_text())


@pytest.fixture(scope="module")
def stored(finished):
    return Stored(finished / "results/patients/p0003")


def far(found, expected):
    """Largest difference as a part of the largest value."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_heart_and_fibres_are_where_the_mesh_says(stored):
    assert stored.mesh.attrs["n_heart_cells"] == len(stored.cells) == len(stored.fibers["f0"])
    assert stored.mesh.attrs["n_heart_nodes"] == stored.n_nodes == len(stored.tau["sinus"])
    np.testing.assert_allclose(np.linalg.norm(stored.fibers["f0"], axis=1), 1, atol=1e-5)
    assert stored.names[:9] == "RA LA LL V1 V2 V3 V4 V5 V6".split() and len(stored.names) == 11
    np.testing.assert_array_equal(stored.places, stored.anatomy["site_points"][:11])


@pytest.mark.parametrize("scenario", ["sinus", "lbbb"])
def test_activation_solves_the_eikonal_equation_of_the_config(stored, scenario):
    """sqrt(D grad tau . grad tau) = 1, D of 0.6 mm/ms along and 0.25 across the fibres."""
    slope = stored.slopes(stored.tau[scenario])
    speed = np.sqrt((stored.conduct(0.6**2, 0.25**2, slope) * slope).sum(axis=1))
    assert 0.9 < np.median(speed) < 1.05
    assert np.percentile(speed, 25) > 0.75
    assert stored.tau[scenario].min() == 0


def test_lead_field_solves_equation_four_in_the_muscle(stored):
    """No current is lost at nodes inside the wall, with G = G_i + G_e of the config."""
    hats = np.linalg.inv(stored.edges).transpose(0, 2, 1)
    hats = np.concatenate([-hats.sum(axis=1, keepdims=True), hats], axis=1)
    surface = np.unique(stored.mesh["facets"])
    inner = np.setdiff1d(np.arange(stored.n_nodes), surface)
    assert len(inner) > 100
    for along, across, right in ((ALONG, ACROSS, True), (ALONG_I, ACROSS_I, False)):
        flow = stored.conduct(along, across, stored.slopes(stored.z[4])) * stored.volumes[:, None]
        shares = np.einsum("cki,ci->ck", hats, flow)
        lost, through = np.zeros((2, stored.n_nodes))
        np.add.at(lost, stored.cells, shares)
        np.add.at(through, stored.cells, np.abs(shares))
        leak = np.abs(lost[inner]).mean() / through[inner].mean()
        assert (leak < 1e-3) == right, (along, leak)  # float32 leaves a little


def test_lead_field_is_high_at_its_electrode(stored):
    skin = np.unique(stored.mesh["facets"][stored.mesh["facet_tags"] == 1])
    for z, place in zip(stored.z, stored.places):
        top = skin[z[skin].argmax()]
        assert np.linalg.norm(stored.points[top] - place) < 15


@pytest.mark.parametrize("row, scenario", enumerate(["sinus", "lbbb"]))
def test_potentials_are_those_of_equation_three(stored, row, scenario):
    grad = recovered_gradient(
        stored.points[: stored.n_nodes], stored.cells, stored.z[:, : stored.n_nodes]
    )
    time = stored.ecg["time"]
    found = stored.ecg["electrode_potential"][row]
    np.testing.assert_allclose(time, np.arange(-20.0, 500.0, 2.0))
    assert stored.ecg["scenario"][row] == scenario
    assert far(found, stored.potential(scenario, grad, time)) < 0.01
    # gradients of the linear elements, by hand throughout: another rule, the same ECG roughly
    raw = np.stack([stored.slopes(z) for z in stored.z[:, : stored.n_nodes]])
    assert 0.003 < far(found, stored.potential(scenario, raw, time)) < 0.15


def test_potentials_of_the_pseudo_lead_field_are_those_of_equation_eleven(stored):
    offset = stored.places[:, None] - stored.middle
    distance = np.linalg.norm(offset, axis=2, keepdims=True)
    grad = offset / (FOUR_PI * TORSO * distance**3)
    expected = stored.potential("sinus", grad, stored.ecg["time"])
    assert far(stored.ecg["electrode_potential_pseudo"][0], expected) < 0.01


@pytest.mark.parametrize("kind", ["", "_pseudo"])
def test_leads_follow_from_the_potentials(stored, kind):
    phi = dict(zip(stored.names, stored.ecg[f"electrode_potential{kind}"].swapaxes(0, 1)))
    wilson = (phi["RA"] + phi["LA"] + phi["LL"]) / 3
    expected = {
        "I": phi["LA"] - phi["RA"],
        "II": phi["LL"] - phi["RA"],
        "III": phi["LL"] - phi["LA"],
        "aVR": 1.5 * (phi["RA"] - wilson),
        "aVL": 1.5 * (phi["LA"] - wilson),
        "aVF": 1.5 * (phi["LL"] - wilson),
    } | {f"V{k}": phi[f"V{k}"] - wilson for k in range(1, 7)}
    assert stored.ecg["lead"].tolist() == list(LEADS) == list(expected)
    for lead, ecg in zip(LEADS, stored.ecg[f"ecg{kind}"].swapaxes(0, 1)):
        np.testing.assert_allclose(ecg, expected[lead], atol=1e-5, err_msg=lead)


def test_source_energy_is_the_constant_of_the_bound(stored):
    """C_Vm = int |G_i grad V_m|^2 dx dt."""
    clock, beat = template(0.1)
    rate = np.diff(beat) / 0.1
    for row, tau in enumerate(stored.tau.values()):
        flow = stored.conduct(ALONG_I, ACROSS_I, stored.slopes(tau))
        expected = (flow**2).sum(axis=1) @ stored.volumes * (rate**2).sum() * 0.1
        assert stored.ecg["source_energy"][row] == pytest.approx(expected, rel=1e-4)


def test_field_samples_are_of_their_cells(stored):
    field, cells = stored.field, stored.field["field_cell"]
    nodes = stored.mesh["cells"][cells]
    tags = stored.mesh["cell_tags"]
    np.testing.assert_allclose(field["field_points"], stored.points[nodes].mean(axis=1), atol=1e-3)
    np.testing.assert_array_equal(field["field_tissue"], tags[cells])
    assert len(np.unique(cells)) == len(cells) == 500
    muscle = tags[cells] == 1
    np.testing.assert_array_equal(field["field_fiber"][muscle], stored.fibers["f0"][cells[muscle]])
    assert not field["field_fiber"][~muscle].any()
    assert field["electrode_names"].tolist() == stored.names
    np.testing.assert_array_equal(field["electrode_points"], stored.places)
    surfaces = (stored.anatomy[name] for name in ("points", "faces", "face_tags"))
    distances = signed_distances(*surfaces, field["field_points"])
    np.testing.assert_allclose(field["field_sdf"], distances, atol=1e-3)


def test_field_samples_are_recovered_gradients_of_their_tissue(stored):
    cells, grad = stored.field["field_cell"], stored.field["field_grad"].astype(float)
    assert grad.shape == (11, 500, 3)
    n_checked = 0
    for tissue in np.unique(stored.field["field_tissue"]):
        ids = np.flatnonzero(stored.mesh["cell_tags"] == tissue)
        here = np.flatnonzero(stored.field["field_tissue"] == tissue)
        used, own = np.unique(stored.mesh["cells"][ids], return_inverse=True)
        every = recovered_gradient(stored.points[used], own.reshape(-1, 4), stored.z[:, used])
        expected = every[:, np.searchsorted(ids, cells[here])]
        assert far(grad[:, here], expected) < 1e-4
        n_checked += len(here)
    assert n_checked == 500
    # and not those of the linear elements, although like them
    muscle = stored.field["field_tissue"] == 1
    raw = np.stack([stored.slopes(z)[cells[muscle]] for z in stored.z[:, : stored.n_nodes]])
    size = np.linalg.norm(grad[:, muscle], axis=2)
    off = np.linalg.norm(raw - grad[:, muscle], axis=2) / size
    assert 0.02 < np.median(off) < 0.3


def test_factor_of_the_pseudo_field_is_of_training_patients(finished, metrics):
    true, formula = [], []
    for name in SPLIT["train"]:
        field = load_arrays(finished / f"results/patients/{name}/field.npz")
        muscle = field["field_tissue"] == 1
        distance = np.linalg.norm(
            field["electrode_points"][:, None] - field["field_points"][muscle], axis=2
        )
        true.append(np.linalg.norm(field["field_grad"][:, muscle], axis=2).mean())
        formula.append((1 / (FOUR_PI * TORSO * distance**2)).mean())
    assert metrics["pseudo_gain"] == pytest.approx(np.mean(true) / np.mean(formula), rel=1e-5)
    assert metrics["patients"] == sorted(SPLIT["test"])


def angles(a, b):
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_errors_in_metrics_are_those_of_the_files(finished, stored, metrics):
    heart = recovered_gradient(
        stored.points[: stored.n_nodes], stored.cells, stored.z[:, : stored.n_nodes]
    )
    ecg = stored.ecg["ecg"].astype(float)
    offset = stored.places[:, None] - stored.middle
    formula = offset / (FOUR_PI * TORSO * np.linalg.norm(offset, axis=2, keepdims=True) ** 3)
    gain = metrics["pseudo_gain"]
    guesses = {"pseudo": (formula, stored.ecg["ecg_pseudo"]),
               "pseudo-scaled": (gain * formula, gain * stored.ecg["ecg_pseudo"])}  # fmt: skip
    for path in (finished / "results/predictions").glob("*/p0003.npz"):
        found = load_arrays(path)
        guesses[path.parent.name] = (found["heart_grad"].astype(float), found["ecg"])
    assert set(guesses) == set(metrics["methods"])
    for method, (grad, leads) in guesses.items():
        row = {k: v["mean"] for k, v in metrics["methods"][method].items() if "mean" in str(v)[:9]}
        away = np.linalg.norm(grad - heart, axis=2)
        relative = np.linalg.norm(leads - ecg, axis=2) / np.linalg.norm(ecg, axis=2)
        expected = {
            "angular_error_deg": angles(grad, heart).mean(),
            "angular_error_volume_weighted_deg": np.average(
                angles(grad, heart).mean(axis=0), weights=stored.volumes
            ),
            "magnitude_error_kohm_per_mm": away.mean(),
            "magnitude_error_rel": (away / np.linalg.norm(heart, axis=2)).mean(),
            "ecg_rel_l2": relative.mean(),
            "ecg_rel_l2_lbbb": relative[1].mean(),
            "ecg_rel_mse": (relative**2).mean(),
        }
        for key, value in expected.items():
            assert row[key] == pytest.approx(value, rel=2e-3), (method, key)


def inputs_by_rule(finished, tmp_path):
    """Rule -> patients in the paths of its inputs, of a run with an ensemble, nothing made yet."""
    import yaml

    config = yaml.safe_load((finished / CI[1]).read_text())
    config["learning"]["ensemble"] = 2
    path = tmp_path / "ensemble.yaml"
    path.write_text(yaml.safe_dump(config))
    done = snakemake(finished, "--dry-run", "--forceall", "--configfile", str(path))
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = []
    for block in (done.stdout + done.stderr).replace("localrule ", "rule ").split("rule ")[1:]:
        rule = block.split(":", 1)[0]
        for line in block.splitlines():
            if line.strip().startswith("input:"):
                files = line.split("input:", 1)[1].split(", ")
                jobs.append((rule, [file.strip() for file in files]))
    return jobs


def test_every_training_sees_only_its_splits(finished, tmp_path):
    jobs = inputs_by_rule(finished, tmp_path)
    wanted = {
        ("surrogate", "patients"): SPLIT["train"] | SPLIT["val"],
        ("uncertainty", "patients"): SPLIT["val"],
    }
    seen = set()
    for rule, files in jobs:
        names = {f.split("/")[2] for f in files if f.startswith("results/patients/")}
        if (rule, "patients") in wanted:
            assert names == wanted[rule, "patients"], rule
            seen.add(rule)
        if rule == "evaluate":
            fields = {f.split("/")[2] for f in files if f.endswith("/field.npz")}
            others = {f.split("/")[2] for f in files if f.endswith(("/ecg.npz", "_b0.npz"))}
            predicted = {f.split("/")[-1] for f in files if f.startswith("results/predictions/")}
            assert others == SPLIT["test"] and predicted == {"p0003.npz"}
            assert fields == SPLIT["test"] | SPLIT["train"]
            seen.add(rule)
    assert seen == {"surrogate", "uncertainty", "evaluate"}
