"""The sample that comes with the package: three coarse virtual patients, for first steps."""

from pathlib import Path

from einthoven.base.core.errors import BadInput

FOLDER = Path(__file__).parent / "data"
SAMPLES = {"dataset": "einthoven.zarr.zip", "patient": "patient"}
"""Name -> what it is in `FOLDER`."""


def sample(name: str = "dataset") -> Path:
    """Where a sample lies on this disk; nothing is fetched.

    Made by the workflow at the demo's sizes but for the number of patients, electrodes and field
    samples (`tools/ship_sample.py`): to try the software with, not to learn or conclude from.

    Args:
        name: `dataset`, a store for `einthoven.open_dataset` with ECGs, lead fields at samples and
            distances of three patients; or `patient`, a folder with surfaces and electrodes of
            its test patient alone (anatomy.npz), for `einthoven predict`.

    Raises:
        BadInput: an unknown name.
    """
    if name not in SAMPLES:
        raise BadInput(f"sample: {name!r} is none of {', '.join(SAMPLES)}")
    return FOLDER / SAMPLES[name]
