"""Names of patients, electrodes and leads."""

LIMB_ELECTRODES = ("RA", "LA", "LL")
PRECORDIAL_ELECTRODES = ("V1", "V2", "V3", "V4", "V5", "V6")
STANDARD_ELECTRODES = LIMB_ELECTRODES + PRECORDIAL_ELECTRODES
"""Nine independent electrodes of the 12-lead ECG (RL is the ground)."""

POSTERIOR_ELECTRODES = ("V7", "V8", "V9")
"""Leads of the back, against Wilson's terminal as V1 to V6; no part of the 12-lead ECG."""

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT_LEADS = ("I", "II", *PRECORDIAL_ELECTRODES)
"""Independent leads; the others follow from them (Einthoven, Goldberger)."""
INDEPENDENT_ROWS = [LEADS.index(name) for name in INDEPENDENT_LEADS]

SHAPES_PER_CHUNK = 16
"""Anatomies for the encoder that one job draws."""


def patient_name(index: int) -> str:
    """Name of patient number `index`: p0000, p0001, ..."""
    return f"p{index:04d}"


GRID_LETTERS = {"front": "A", "around": "B"}
"""First letter of the names of grid electrodes, by their sites (`anatomy.sites`)."""


def grid_electrode_name(index: int, sites: str) -> str:
    """Name of grid electrode number `index`: A000, ... on the front, B000, ... around the body."""
    return f"{GRID_LETTERS[sites]}{index:03d}"


def chunk_name(chunk: int) -> str:
    """Name of a chunk of shapes: c00, c01, ..."""
    return f"c{chunk:02d}"
