"""Tiny stage files in the format of docs/reference/files-of-a-run.md."""

from pathlib import Path

import numpy as np

from einthoven.base.config.models import Config
from einthoven.base.config.physiology import Physiology
from einthoven.base.config.section import builtins_of
from einthoven.base.core.files import save_arrays, write_json
from einthoven.base.core.names import LEADS, patient_name
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.write_store import write_store
from einthoven.physics.ecg.leads import twelve_lead

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6", "A000")
SCENARIOS = ("sinus", "lbbb")
LANDMARKS = ("APEX_EPI", "LV_APEX", "RV_APEX", "LV_BASE", "RV_BASE")
SPLITS = ("train", "val", "test")
SEXES = ("female", "male", None)
CONFIG = Config()


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    vectors = rng.normal(size=(n, 3))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _body() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, faces, tags of closed surfaces: a prism between the valves in a tetrahedron."""
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    low, high = (np.column_stack([corner, np.full(3, z)]) for z in (0.0, 1.0))
    apices = [[0.3, 0.3, 0.3], [0.3, 0.3, 0.7]]
    skin = [[-2.0, -2.0, -2.0], [9.0, -2.0, -2.0], [-2.0, 9.0, -2.0], [-2.0, -2.0, 9.0]]
    sides = [[[i, j, 3 + j], [i, 3 + j, 3 + i]] for i, j in ((0, 1), (1, 2), (2, 0))]
    faces = {
        Surface.SKIN: [[8, 10, 9], [8, 9, 11], [9, 10, 11], [10, 8, 11]],
        Surface.EPI: [*sides[0], *sides[1]],
        Surface.LV_ENDO: [[0, 1, 6], [1, 2, 6], [2, 0, 6]],
        Surface.RV_ENDO: [[4, 3, 7], [5, 4, 7], [3, 5, 7]],
        Surface.BASE: sides[2],
        Surface.LV_CAP: [[0, 2, 1]],
        Surface.RV_CAP: [[3, 4, 5]],
    }
    tags = np.repeat(list(faces), [len(of) for of in faces.values()]).astype(np.int8)
    points = np.concatenate([low, high, apices, skin])
    return points, np.concatenate(list(faces.values())).astype(np.int32), tags


BODY_POINTS, BODY_FACES, BODY_TAGS = _body()
STAGES = ("anatomy", "mesh", "fibers", "purkinje", "ecg", "sdf", "field")


def stage_arrays(index: int, n_nodes: int = 30, n_points: int = 100) -> dict[str, dict]:
    """Random arrays of all stages; sizes of meshes differ from patient to patient."""
    rng = generator(7, index)
    normal, count = rng.normal, len(ELECTRODES)
    n_nodes += index
    n_heart, n_cells, n_heart_cells, n_time = 12 + index, 50, 20, 40
    potential = (len(SCENARIOS), count, n_time)
    signal = (len(SCENARIOS), len(LEADS), n_time)
    f32 = np.float32
    sites = normal(size=(count + 2, 3))
    cells = rng.integers(0, n_nodes, (n_cells, 4)).astype(np.int32)
    cells[:n_heart_cells] %= n_heart
    cells[0, 0] = n_heart - 1
    arrays = {
        "anatomy": dict(
            points=BODY_POINTS + 0.02 * normal(size=BODY_POINTS.shape), faces=BODY_FACES,
            face_tags=BODY_TAGS, ground_point=normal(size=3),
            site_names=np.array([*ELECTRODES, "A998", "A999"]), site_points=sites,
            heart_rotation=np.eye(3), heart_origin=normal(size=3), latent_pca=normal(size=23),
            torso_box=np.array([[-1.0] * 3, [1.0] * 3]), landmark_names=np.array(LANDMARKS),
            landmark_points=normal(size=(5, 3)),
        ),
        "mesh": dict(
            points=normal(size=(n_nodes, 3)),
            cells=cells,
            cell_tags=np.repeat([1, 4], [n_heart_cells, n_cells - n_heart_cells]).astype(np.int8),
            facets=rng.integers(0, n_nodes, (11, 3)).astype(np.int32),
            facet_tags=rng.integers(1, 8, 11).astype(np.int8),
        ),
        "fibers": dict(
            f0=_unit(rng, n_heart_cells), s0=_unit(rng, n_heart_cells),
            n0=_unit(rng, n_heart_cells), uvc_rho=rng.uniform(size=n_heart),
            uvc_z=rng.uniform(size=n_heart), uvc_phi=rng.uniform(size=n_heart),
            uvc_nu=np.sign(normal(size=n_heart)),
        ),
        "purkinje": dict(
            tree_points=normal(size=(6, 3)), tree_edges=rng.integers(0, 6, (5, 2)),
            tree_side=np.array([-1, -1, -1, 1, 1, 1], np.int8),
            tree_roots=np.array([0, 3], np.int32), root_times=np.array([0.0, 12.0]),
            root_fascicle=np.array(["septal", "right"]),
            pmj_nodes=rng.integers(0, n_heart, 4), pmj_times=rng.uniform(size=4),
            pmj_side=np.array([-1, -1, 1, 1], np.int8),
        ),
        "ecg": dict(
            time=np.arange(n_time, dtype=float) - 20, scenario=np.array(SCENARIOS),
            electrode_names=np.array(ELECTRODES), lead=np.array(LEADS),
            electrode_potential=normal(size=potential).astype(f32),
            electrode_potential_pseudo=normal(size=potential).astype(f32),
            qrs_duration=rng.uniform(80, 150, len(SCENARIOS)),
            qrs_amplitude=normal(size=signal[:2]), feature=np.array(["qrs_ms", "t_mv_v5"]),
            feature_units=np.array(["ms", "mV"]),
            ecg_features=np.array([[90.0, 0.4 + index], [140.0, np.nan]]),
        ),
        "sdf": dict(
            sdf_points=normal(size=(64, 3)).astype(f32), sdf=normal(size=(64, 4)).astype(f32)
        ),
        "field": dict(
            field_points=normal(size=(n_points, 3)).astype(f32),
            field_cell=rng.integers(0, n_cells, n_points),
            field_tissue=rng.integers(1, 5, n_points).astype(np.int8),
            field_sdf=normal(size=(n_points, 4)).astype(f32), field_fiber=_unit(rng, n_points),
            field_grad=normal(size=(count, n_points, 3)).astype(f32),
            electrode_names=np.array(ELECTRODES), electrode_points=sites[:count],
        ),
    }  # fmt: skip
    for kind in ("", "_pseudo"):
        potentials = arrays["ecg"][f"electrode_potential{kind}"]
        arrays["ecg"][f"ecg{kind}"] = twelve_lead(ELECTRODES, potentials).astype(f32)
    for scenario in SCENARIOS:
        arrays[f"activation_{scenario}"] = dict(
            activation_time=rng.uniform(0, 90, n_heart).astype(f32),
            source_nodes=rng.integers(0, n_heart, 3), source_times=rng.uniform(size=3),
        )  # fmt: skip
    for batch, part in enumerate((slice(0, 6), slice(6, None))):
        names = ELECTRODES[part]
        arrays[f"leadfield_b{batch}"] = dict(
            lead_field=normal(size=(len(names), n_nodes)).astype(f32),
            electrode_names=np.array(names), electrode_points=sites[:count][part],
            residual=rng.uniform(size=len(names)),
        )  # fmt: skip
    return arrays


def write_patient_store(path, cohort, stages, activation, leadfield, whole_body=False) -> None:
    """The store of a patient from the files that `write_stages` wrote."""
    files = {**stages, "activation": list(activation.values()), "leadfield": leadfield}
    write_store(path, Patient.of_files(cohort=cohort, **files), whole_body)


def write_stages(
    folder: Path,
    index: int,
    changes: dict[str, dict] | None = None,
    name: str = "",
    settings: Config | None = CONFIG,
) -> dict:
    """Write all stage files of one patient; return the arguments of `write_patient_store`."""
    arrays = stage_arrays(index)
    for stage, change in (changes or {}).items():
        arrays[stage] |= change
    attrs: dict[str, dict] = {f"activation_{name}": {"scenario": name} for name in SCENARIOS}
    attrs["purkinje"] = {"speed_mm_per_ms": 2.0}
    if settings:
        its = Physiology.of(settings, name or patient_name(index))
        for scenario in SCENARIOS:
            attrs[f"activation_{scenario}"]["settings"] = builtins_of(its.activation)
        attrs["purkinje"] |= {"settings": builtins_of(its.purkinje)}
        attrs["ecg"] = {"settings": builtins_of(its.repolarisation)}
    attrs[f"activation_{SCENARIOS[-1]}"] |= {"cycle_length_ms": 600.0, "i_kr_factor": 0.5}
    volumes_ml = {"lv": 120.0, "rv": 130.0, "myocardium": 9.0}
    attrs["anatomy"] = {"split": SPLITS[index % 3], "volumes_ml": volumes_ml}
    attrs.setdefault("purkinje", {})["speed_mm_per_ms"] = 2.0
    for stage, members in arrays.items():
        more = {"patient": name or patient_name(index), "seconds": index, **attrs.get(stage, {})}
        save_arrays(folder / f"{stage}.npz", members, **more)
    rng = generator(8, index)
    cohort = {"patient": name or patient_name(index), "index": index, "split": SPLITS[index % 3]}
    cohort |= {"sex": SEXES[index % 3], "height_cm": None, "bmi": None}
    for key, n in (("heart_coeffs", 10), ("torso_coeffs", 10), ("pose_coeffs", 6)):
        cohort[key] = rng.uniform(-1, 1, n).tolist()
    write_json(folder / "cohort.json", cohort)
    return {
        "cohort": folder / "cohort.json",
        "stages": {stage: folder / f"{stage}.npz" for stage in STAGES},
        "activation": {s: folder / f"activation_{s}.npz" for s in SCENARIOS},
        "leadfield": [folder / f"leadfield_b{b}.npz" for b in range(2)],
    }


def write_patient(folder: Path, index: int, changes: dict[str, dict] | None = None) -> Path:
    """Stage files and store of one patient."""
    path = folder / f"{patient_name(index)}.zarr.zip"
    write_patient_store(path, **write_stages(folder / patient_name(index), index, changes))
    return path
