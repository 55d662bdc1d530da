"""Specification of all formats as data: groups, variables, dimensions, dtypes, units.

Writers, readers, the checker and docs/data-format.md read these tables; nothing else defines the
formats: the stage files of a patient, its store, and the consolidated store of all patients. A
dimension has one length in the whole store. `patient` leads every variable of the consolidated
store and is absent from the patient store.
"""

from dataclasses import dataclass, replace

import numpy as np

FORMAT_VERSION = 4
PATIENT_FORMAT = "einthoven-patient"
DATASET_FORMAT = "einthoven-dataset"
SCORES = ("heart_coeffs", "torso_coeffs", "pose_coeffs", "latent_pca")
"""Coefficients of the shape models."""
PARTLY_KNOWN = ("ecg_features",)
"""Measured where possible: a lead may have no T wave."""


@dataclass(frozen=True)
class Variable:
    """One array: name in the store, dimensions, dtype, unit, meaning, name in the stage file."""

    name: str
    axes: str
    dtype: str
    units: str
    long_name: str
    source: str = ""

    @property
    def stage_name(self) -> str:
        """Name of the array in the stage's file."""
        return self.source or self.name

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return tuple(self.axes.split())

    def is_known(self, values: np.ndarray) -> bool:
        """Whether all values are finite. Scores of imported patients, who have no atlas
        coefficients, are all NaN, and some features of an ECG cannot be measured.
        """
        if self.name in PARTLY_KNOWN:
            return not bool(np.isinf(values).any())
        unknown = self.name in SCORES and bool(np.isnan(values).all())
        return unknown or bool(np.isfinite(values).all())

    def length_fault(self, shape: tuple[int, ...], sizes: dict[str, int]) -> str:
        """Conflict of a shape with the dimensions' lengths in `sizes`; new ones are added."""
        for dim, size in zip(self.dims, shape):
            if sizes.setdefault(dim, size) != size:
                return f"{dim} has length {size}, elsewhere {sizes[dim]}"
        return ""


Layout = dict[str, tuple[Variable, ...]]


def by_key(layout: Layout) -> dict[str, Variable]:
    """Key in a store, such as `mesh/cells` -> variable."""
    return {f"{group}/{v.name}".lstrip("/"): v for group, its in layout.items() for v in its}


# Variables of both stores. The patient store has them as they are, the consolidated store
# with `patient` in front.
COHORT = (
    Variable("heart_coeffs", "heart_mode", "float64", "SD", "heart shape coefficients"),
    Variable("torso_coeffs", "torso_mode", "float64", "SD", "torso shape coefficients"),
    Variable("pose_coeffs", "pose", "float64", "SD", "heart pose coefficients"),
    Variable("latent_pca", "pca", "float64", "SD", "10 heart modes, 10 torso modes, 3 angles"),
    Variable("heart_rotation", "xyz axis", "float64", "1", "heart frame to patient frame"),
    Variable("heart_origin", "xyz", "float64", "mm", "origin of the heart frame"),
    Variable("torso_box", "bound xyz", "float64", "mm", "minimum and maximum of the skin"),
)
ELECTRODE_POINTS = Variable(
    "electrode_points", "electrode xyz", "float64", "mm", "electrodes on the skin"
)
SDF = (
    Variable("sdf_points", "sample xyz", "float32", "mm", "points around the surfaces"),
    Variable("sdf", "sample surface", "float32", "mm", "signed distance, negative inside"),
)
FIELD = (
    Variable("field_points", "point xyz", "float32", "mm", "centroids of sampled cells"),
    Variable(
        "field_tissue", "point", "int8", "1", "tissue: 1 muscle, 2 LV, 3 RV blood, 4 torso, 5 lung"
    ),
    Variable("field_sdf", "point surface", "float32", "mm", "signed distance, negative inside"),
    Variable("field_fiber", "point xyz", "float32", "1", "fibre direction, zero off the heart"),
    Variable("field_grad", "electrode point xyz", "float32", "kOhm/mm", "lead-field gradient"),
)
SETTING = Variable("setting", "setting", "str", "1", "setting, with its unit in the name")
PHYSIOLOGY = Variable(
    "value",
    "setting",
    "float64",
    "of the setting",
    "speeds, durations and drawn conductivities of the patient",
)
_SIGNAL, _LEADS = "scenario electrode time", "scenario lead time"
ECG = (
    Variable("electrode_potential", _SIGNAL, "float32", "mV", "electrode potentials (FEM)"),
    Variable("electrode_potential_pseudo", _SIGNAL, "float32", "mV",
             "electrode potentials (pseudo field)"),
    Variable("ecg", _LEADS, "float32", "mV", "12-lead ECG (FEM lead field)"),
    Variable("ecg_pseudo", _LEADS, "float32", "mV", "12-lead ECG (pseudo lead field)"),
    Variable("qrs_duration", "scenario", "float64", "ms", "QRS duration"),
    Variable("qrs_amplitude", "scenario lead", "float64", "mV", "QRS peak-to-peak amplitude"),
    Variable("ecg_features", "scenario feature", "float64", "as feature_units",
             "features of the delineated beat (FEM), NaN where not measurable"),
)  # fmt: skip

# Coordinates have the name of their dimension.
ELECTRODE = Variable("electrode", "electrode", "str", "1", "electrode name", "electrode_names")
SCENARIO = Variable("scenario", "scenario", "str", "1", "activation scenario")
LEAD = Variable("lead", "lead", "str", "1", "lead of the 12-lead ECG")
TIME = Variable("time", "time", "float64", "ms", "time from the first activation")
FEATURE = Variable(
    "feature", "feature", "str", "1", "feature of a beat (docs/reference/ecg-features.md)"
)
FEATURE_UNITS = Variable("feature_units", "feature", "str", "1", "unit of a feature")
SURFACE = Variable("surface", "surface", "str", "1", "closed surface")
PATIENT = Variable("patient", "patient", "str", "1", "patient name")
SPLIT = Variable("split", "patient", "str", "1", "train, val, test or imported")
SEX = Variable("sex", "patient", "str", "1", "female, male or unknown")
UNKNOWN_SEX = "unknown"
"""Value in the consolidated store; in a patient's store the attribute is null."""

PATIENT_LAYOUT: Layout = {
    "cohort": COHORT[:3],
    "anatomy": (
        ELECTRODE,
        ELECTRODE_POINTS,
        *COHORT[3:],
        Variable("points", "vertex xyz", "float64", "mm", "surface vertices"),
        Variable("faces", "face corner", "int32", "1", "triangles"),
        Variable("face_tags", "face", "int8", "1", "surface tag of a triangle"),
        Variable("ground_point", "xyz", "float64", "mm", "ground electrode RL"),
        Variable("landmark", "landmark", "str", "1", "landmark name", "landmark_names"),
        Variable("landmark_points", "landmark xyz", "float64", "mm", "landmarks"),
    ),
    "mesh": (
        Variable("points", "node xyz", "float64", "mm", "nodes, those of the heart first"),
        Variable("cells", "cell vertex_of_cell", "int32", "1", "tetrahedra, heart first"),
        Variable("cell_tags", "cell", "int8", "1", "tissue tag of a tetrahedron"),
        Variable("facets", "facet corner", "int32", "1", "tagged surface triangles"),
        Variable("facet_tags", "facet", "int8", "1", "surface tag of a facet"),
    ),
    "fibers": (
        Variable("f0", "heart_cell xyz", "float32", "1", "fibre direction"),
        Variable("s0", "heart_cell xyz", "float32", "1", "sheet direction"),
        Variable("n0", "heart_cell xyz", "float32", "1", "sheet-normal direction"),
        Variable("uvc_rho", "heart_node", "float32", "1", "transmural, 0 endo to 1 epi"),
        Variable("uvc_z", "heart_node", "float32", "1", "apicobasal, 0 apex to 1 base"),
        Variable("uvc_phi", "heart_node", "float32", "rad", "rotational coordinate"),
        Variable("uvc_nu", "heart_node", "float32", "1", "transventricular, -1 LV, +1 RV"),
    ),
    "purkinje": (
        Variable("tree_points", "tree_node xyz", "float64", "mm", "nodes of both trees"),
        Variable("tree_edges", "tree_edge end", "int32", "1", "edges of both trees"),
        Variable("tree_side", "tree_node", "int8", "1", "-1 LV, +1 RV"),
        Variable("tree_roots", "tree_root", "int32", "1", "tree node where a fascicle ends"),
        Variable("root_times", "tree_root", "float64", "ms", "arrival at the root"),
        Variable("root_fascicle", "tree_root", "str", "1", "fascicle that leads to the root"),
        Variable("pmj_nodes", "pmj", "int32", "1", "heart node of a Purkinje-muscle junction"),
        Variable("pmj_times", "pmj", "float64", "ms", "arrival at the junction"),
        Variable("pmj_side", "pmj", "int8", "1", "-1 LV, +1 RV"),
    ),
    "activation": (
        SCENARIO,
        Variable("activation_time", "scenario heart_node", "float32", "ms", "activation time"),
        Variable("source_nodes", "source", "int32", "1", "heart nodes where activation starts"),
        Variable("source_times", "source", "float64", "ms", "start time of a source"),
        Variable("source_scenario", "source", "int8", "1", "index of the source's scenario"),
        Variable("cycle_length", "scenario", "float64", "ms", "between beats of the train"),
        Variable("i_kr_factor", "scenario", "float64", "1", "on I_Kr's conductance, 0 is blocked"),
    ),
    "leadfield": (
        ELECTRODE,
        Variable("kept_nodes", "kept_node", "int32", "1", "mesh nodes at which Z is kept"),
        Variable("lead_field", "electrode kept_node", "float32", "kOhm", "lead field Z"),
        Variable("residual", "electrode", "float64", "1", "relative residual of the solve"),
    ),
    "physiology": (SETTING, PHYSIOLOGY),
    "ecg": (SCENARIO, ELECTRODE, LEAD, TIME, FEATURE, FEATURE_UNITS, *ECG),
    "sdf": (SURFACE, *SDF),
    "field": (
        ELECTRODE,
        SURFACE,
        Variable("field_cell", "point", "int32", "1", "cell whose centroid a point is"),
        *FIELD,
    ),
}


OF_SOME: Layout = {
    "substrate": (
        Variable("tissue", "heart_cell", "int8", "1", "0 healthy, 1 border zone, 2 core"),
        Variable("level", "heart_node", "float32", "1", "0 healthy to 1 core"),
    ),
    "beat": (
        Variable("fitted_time", "heart_node", "float32", "ms", "activation of scenario sinus"),
        Variable("apd90", "heart_node", "float32", "ms", "duration of the action potential"),
        Variable("low_plateau", "heart_node", "float32", "1", "share of the low plateau"),
    ),
}
"""Groups that only some patient stores have: those of runs with section substrate, or with
variation.beats."""


def _of(group: str, *names: str) -> tuple[Variable, ...]:
    """Variables of a group of the patient store, by their names."""
    known = {v.name: v for v in PATIENT_LAYOUT[group]}
    return tuple(known[name] for name in names)


MEASURED = (
    Variable("measured_points", "measured_node xyz", "float64", "mm", "nodes of an imported heart"),
    Variable("measured_cells", "measured_cell vertex_of_cell", "int32", "1", "its tetrahedra"),
    Variable("measured_fiber", "measured_node xyz", "float32", "1", "its fibres, NaN where none"),
    Variable("measured_time", "measured_node", "float32", "ms", "its activation, NaN where none"),
)
"""Only of imported patients whose files have fibres or activation."""

STAGE_LAYOUT: Layout = {
    "anatomy": (
        *_of("anatomy", "points", "faces", "face_tags"),
        Variable("site_names", "site", "str", "1", "place for an electrode"),
        Variable("site_points", "site xyz", "float64", "mm", "places on the skin"),
        *_of("anatomy", "ground_point", "heart_rotation", "heart_origin", "latent_pca"),
        *_of("anatomy", "torso_box", "landmark", "landmark_points"),
        *MEASURED,
    ),
    "mesh": PATIENT_LAYOUT["mesh"],
    "fibers": PATIENT_LAYOUT["fibers"][:3],
    "coordinates": PATIENT_LAYOUT["fibers"][3:],
    **OF_SOME,
    "purkinje": PATIENT_LAYOUT["purkinje"],
    "activation": (
        Variable("activation_time", "heart_node", "float32", "ms", "activation time"),
        *_of("activation", "source_nodes", "source_times"),
    ),
    "leadfield": (
        Variable("lead_field", "electrode node", "float32", "kOhm", "lead field Z"),
        *_of("anatomy", "electrode", "electrode_points"),
        *_of("leadfield", "residual"),
    ),
    "ecg": (
        *_of("ecg", "time", "scenario", "electrode", "lead", "electrode_potential", "ecg"),
        *_of("ecg", "electrode_potential_pseudo", "ecg_pseudo"),
        Variable("source_energy", "scenario", "float64", "mS^2 mV^2 ms / mm", "C_Vm"),
        *_of("ecg", "qrs_duration", "qrs_amplitude", "feature", "feature_units", "ecg_features"),
    ),
    "recording": (
        LEAD,
        Variable("recorded_ecg", "lead sample", "float32", "mV", "recording, as it was stored"),
        Variable("beat_time", "beat", "float64", "ms", "first activation of each beat"),
        Variable("beat_scenario", "beat", "str", "1", "scenario that each beat is of"),
    ),
    "sdf": SDF,
    "field": (
        *_of("field", "field_points", "field_cell", *(v.name for v in FIELD[1:])),
        *_of("anatomy", "electrode", "electrode_points"),
    ),
}
"""Arrays of a patient's stage files (.npz), in the order in which they are written."""
STAGE_SIZES = {"xyz": 3, "axis": 3, "bound": 2, "corner": 3, "vertex_of_cell": 4, "end": 2,
               "surface": 4}  # fmt: skip
"""Lengths of the dimensions that are the same for all patients."""


def _per_patient(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """The variables with `patient` as their first dimension."""
    return tuple(replace(v, axes=f"patient {v.axes}") for v in variables)


DATASET_LAYOUT: Layout = {
    "": (PATIENT, SPLIT, SEX),
    "cohort": _per_patient(COHORT),
    "physiology": (SETTING, *_per_patient((PHYSIOLOGY,))),
    "electrode": (ELECTRODE, *_per_patient((ELECTRODE_POINTS,))),
    "sdf": (SURFACE, *_per_patient(SDF)),
    "field": (ELECTRODE, SURFACE, *_per_patient(FIELD)),
    "ecg": (SCENARIO, ELECTRODE, LEAD, TIME, FEATURE, FEATURE_UNITS, *_per_patient(ECG)),
}

LAYOUTS: dict[str, Layout] = {PATIENT_FORMAT: PATIENT_LAYOUT, DATASET_FORMAT: DATASET_LAYOUT}
