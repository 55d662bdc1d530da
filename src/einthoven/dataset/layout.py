"""The specification of all formats as data: groups, variables, dimensions, dtypes, units.

Writers, readers, the checker and docs/data-format.md read these tables; nothing else defines the
formats: the stage files of a patient, its store, and the consolidated store of all patients.
A dimension has one length in the whole store. `patient` leads every variable of the
consolidated store and is left out of the patient store.
"""

from dataclasses import dataclass

FORMAT_VERSION = 2
PATIENT_FORMAT = "einthoven-patient"
DATASET_FORMAT = "einthoven-dataset"
SCORES = ("heart_coeffs", "torso_coeffs", "pose_coeffs", "latent_pca")
"""Coefficients of the shape models."""


@dataclass(frozen=True)
class Variable:
    """One array: name in the store, dimensions, dtype, unit, meaning, name in the stage file."""

    name: str
    dims: tuple[str, ...]
    dtype: str
    units: str
    long_name: str
    source: str = ""

    @property
    def stage_name(self) -> str:
        """Name of the array in the stage's file."""
        return self.source or self.name

    @property
    def may_be_unknown(self) -> bool:
        """Whether it is NaN for imported patients, who are of no atlas."""
        return self.name in SCORES


Layout = dict[str, tuple[Variable, ...]]

# Variables that both stores hold. The patient store has them as they are, the consolidated
# store with `patient` in front.
COHORT = (
    Variable("heart_coeffs", ("heart_mode",), "float64", "SD", "heart shape coefficients"),
    Variable("torso_coeffs", ("torso_mode",), "float64", "SD", "torso shape coefficients"),
    Variable("pose_coeffs", ("pose",), "float64", "SD", "heart pose coefficients"),
    Variable("latent_pca", ("pca",), "float64", "SD", "10 heart modes, 10 torso modes, 3 angles"),
    Variable("heart_rotation", ("xyz", "axis"), "float64", "1", "heart frame to patient frame"),
    Variable("heart_origin", ("xyz",), "float64", "mm", "origin of the heart frame"),
    Variable("torso_box", ("bound", "xyz"), "float64", "mm", "minimum and maximum of the skin"),
)
ELECTRODE_POINTS = Variable(
    "electrode_points", ("electrode", "xyz"), "float64", "mm", "electrodes on the skin"
)
SDF = (
    Variable("sdf_points", ("sample", "xyz"), "float32", "mm", "points around the surfaces"),
    Variable("sdf", ("sample", "surface"), "float32", "mm", "signed distance, negative inside"),
)
FIELD = (
    Variable("field_points", ("point", "xyz"), "float32", "mm", "centroids of sampled cells"),
    Variable(
        "field_tissue",
        ("point",),
        "int8",
        "1",
        "tissue: 1 muscle, 2 LV, 3 RV blood, 4 torso, 5 lung",
    ),
    Variable(
        "field_sdf", ("point", "surface"), "float32", "mm", "signed distance, negative inside"
    ),
    Variable(
        "field_fiber", ("point", "xyz"), "float32", "1", "fibre direction, zero off the heart"
    ),
    Variable(
        "field_grad", ("electrode", "point", "xyz"), "float32", "kOhm/mm", "lead-field gradient"
    ),
)
_SIGNAL = ("scenario", "electrode", "time")
_LEADS = ("scenario", "lead", "time")
ECG = (
    Variable("electrode_potential", _SIGNAL, "float32", "mV", "electrode potentials (FEM)"),
    Variable(
        "electrode_potential_pseudo",
        _SIGNAL,
        "float32",
        "mV",
        "electrode potentials (pseudo field)",
    ),
    Variable("ecg", _LEADS, "float32", "mV", "12-lead ECG (FEM lead field)"),
    Variable("ecg_pseudo", _LEADS, "float32", "mV", "12-lead ECG (pseudo lead field)"),
    Variable("qrs_duration", ("scenario",), "float64", "ms", "QRS duration"),
    Variable("qrs_amplitude", ("scenario", "lead"), "float64", "mV", "QRS peak-to-peak amplitude"),
)

# Coordinates: they share the name of their dimension.
ELECTRODE = Variable("electrode", ("electrode",), "str", "1", "electrode name", "electrode_names")
SCENARIO = Variable("scenario", ("scenario",), "str", "1", "activation scenario")
LEAD = Variable("lead", ("lead",), "str", "1", "lead of the 12-lead ECG")
TIME = Variable("time", ("time",), "float64", "ms", "time from the first activation")
SURFACE = Variable("surface", ("surface",), "str", "1", "closed surface")
PATIENT = Variable("patient", ("patient",), "str", "1", "patient name")
SPLIT = Variable("split", ("patient",), "str", "1", "train, val, test or imported")

_NODE3, _HEART_CELL3 = ("node", "xyz"), ("heart_cell", "xyz")

PATIENT_LAYOUT: Layout = {
    "cohort": COHORT[:3],
    "anatomy": (
        ELECTRODE,
        ELECTRODE_POINTS,
        *COHORT[3:],
        Variable("points", ("vertex", "xyz"), "float64", "mm", "surface vertices"),
        Variable("faces", ("face", "corner"), "int32", "1", "triangles"),
        Variable("face_tags", ("face",), "int8", "1", "surface tag of a triangle"),
        Variable("ground_point", ("xyz",), "float64", "mm", "ground electrode RL"),
        Variable("landmark", ("landmark",), "str", "1", "landmark name", "landmark_names"),
        Variable("landmark_points", ("landmark", "xyz"), "float64", "mm", "landmarks"),
    ),
    "mesh": (
        Variable("points", _NODE3, "float64", "mm", "nodes, those of the heart first"),
        Variable("cells", ("cell", "vertex_of_cell"), "int32", "1", "tetrahedra, heart first"),
        Variable("cell_tags", ("cell",), "int8", "1", "tissue tag of a tetrahedron"),
        Variable("facets", ("facet", "corner"), "int32", "1", "tagged surface triangles"),
        Variable("facet_tags", ("facet",), "int8", "1", "surface tag of a facet"),
    ),
    "fibers": (
        Variable("f0", _HEART_CELL3, "float32", "1", "fibre direction"),
        Variable("s0", _HEART_CELL3, "float32", "1", "sheet direction"),
        Variable("n0", _HEART_CELL3, "float32", "1", "sheet-normal direction"),
        Variable("uvc_rho", ("heart_node",), "float32", "1", "transmural, 0 endo to 1 epi"),
        Variable("uvc_z", ("heart_node",), "float32", "1", "apicobasal, 0 apex to 1 base"),
        Variable("uvc_phi", ("heart_node",), "float32", "rad", "rotational coordinate"),
        Variable("uvc_nu", ("heart_node",), "float32", "1", "transventricular, -1 LV, +1 RV"),
    ),
    "purkinje": (
        Variable("tree_points", ("tree_node", "xyz"), "float64", "mm", "nodes of both trees"),
        Variable("tree_edges", ("tree_edge", "end"), "int32", "1", "edges of both trees"),
        Variable("tree_side", ("tree_node",), "int8", "1", "-1 LV, +1 RV"),
        Variable("pmj_nodes", ("pmj",), "int32", "1", "heart node of a Purkinje-muscle junction"),
        Variable("pmj_times", ("pmj",), "float64", "ms", "arrival at the junction"),
        Variable("pmj_side", ("pmj",), "int8", "1", "-1 LV, +1 RV"),
    ),
    "activation": (
        SCENARIO,
        Variable("activation_time", ("scenario", "heart_node"), "float32", "ms", "activation time"),
        Variable("source_nodes", ("source",), "int32", "1", "heart nodes where activation starts"),
        Variable("source_times", ("source",), "float64", "ms", "start time of a source"),
        Variable("source_scenario", ("source",), "int8", "1", "index of the source's scenario"),
    ),
    "leadfield": (
        ELECTRODE,
        Variable("kept_nodes", ("kept_node",), "int32", "1", "mesh nodes at which Z is kept"),
        Variable("lead_field", ("electrode", "kept_node"), "float32", "kOhm", "lead field Z"),
        Variable("residual", ("electrode",), "float64", "1", "relative residual of the solve"),
    ),
    "ecg": (SCENARIO, ELECTRODE, LEAD, TIME, *ECG),
    "sdf": (SURFACE, *SDF),
    "field": (
        ELECTRODE,
        SURFACE,
        Variable("field_cell", ("point",), "int32", "1", "cell whose centroid a point is"),
        *FIELD,
    ),
}

_ELECTRODES = (
    Variable("electrode_names", ("electrode",), "str", "1", "electrode name"),
    ELECTRODE_POINTS,
)

STAGE_LAYOUT: Layout = {
    "anatomy": (
        *PATIENT_LAYOUT["anatomy"][-6:-3],
        Variable("site_names", ("site",), "str", "1", "place for an electrode"),
        Variable("site_points", ("site", "xyz"), "float64", "mm", "places on the skin"),
        PATIENT_LAYOUT["anatomy"][-3],
        *COHORT[4:6],
        COHORT[3],
        COHORT[6],
        *PATIENT_LAYOUT["anatomy"][-2:],
    ),
    "mesh": PATIENT_LAYOUT["mesh"],
    "fibers": PATIENT_LAYOUT["fibers"][:3],
    "coordinates": PATIENT_LAYOUT["fibers"][3:],
    "purkinje": PATIENT_LAYOUT["purkinje"],
    "activation": (
        Variable("activation_time", ("heart_node",), "float32", "ms", "activation time"),
        *PATIENT_LAYOUT["activation"][2:4],
    ),
    "leadfield": (
        Variable("lead_field", ("electrode", "node"), "float32", "kOhm", "lead field Z"),
        *_ELECTRODES,
        PATIENT_LAYOUT["leadfield"][3],
    ),
    "ecg": (
        TIME,
        SCENARIO,
        _ELECTRODES[0],
        LEAD,
        *(ECG[k] for k in (0, 2, 1, 3)),
        Variable("source_energy", ("scenario",), "float64", "mS^2 mV^2 ms / mm", "C_Vm"),
        *ECG[4:],
    ),
    "sdf": SDF,
    "field": (
        FIELD[0],
        Variable("field_cell", ("point",), "int32", "1", "cell whose centroid a point is"),
        *FIELD[1:],
        *_ELECTRODES,
    ),
}
"""Arrays of a patient's stage files (.npz), in the order in which they are written."""
STAGE_SIZES = {"xyz": 3, "axis": 3, "bound": 2, "corner": 3, "vertex_of_cell": 4, "end": 2,
               "surface": 4}  # fmt: skip
"""Lengths of the dimensions that are the same for everybody."""


def _per_patient(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """The variables with `patient` as their first dimension."""
    return tuple(
        Variable(v.name, ("patient", *v.dims), v.dtype, v.units, v.long_name) for v in variables
    )


DATASET_LAYOUT: Layout = {
    "": (PATIENT, SPLIT),
    "cohort": _per_patient(COHORT),
    "electrode": (ELECTRODE, *_per_patient((ELECTRODE_POINTS,))),
    "sdf": (SURFACE, *_per_patient(SDF)),
    "field": (ELECTRODE, SURFACE, *_per_patient(FIELD)),
    "ecg": (SCENARIO, ELECTRODE, LEAD, TIME, *_per_patient(ECG)),
}

FROM_PATIENT: dict[str, tuple[str, ...]] = {
    "cohort": ("cohort", "anatomy"),
    "electrode": ("anatomy",),
    "sdf": ("sdf",),
    "field": ("field",),
    "ecg": ("ecg",),
}
"""Groups of the patient store in which the variables of a consolidated group are found."""

LAYOUTS: dict[str, Layout] = {PATIENT_FORMAT: PATIENT_LAYOUT, DATASET_FORMAT: DATASET_LAYOUT}
