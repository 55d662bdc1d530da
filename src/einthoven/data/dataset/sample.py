"""Sample that comes with the package: three coarse virtual patients, for first steps."""

from pathlib import Path

from einthoven.base.core.errors import BadInput

FOLDER = Path(__file__).parent / "data"
SAMPLES = {"dataset": "einthoven.zarr.zip", "patient": "patient"}
"""Name -> file or folder in `FOLDER`."""


def sample(name: str = "dataset") -> Path:
    """Path of a sample on this disk; nothing is downloaded.

    The workflow made it at the demo's sizes, with fewer patients, electrodes and field samples
    (`tools/ship_sample.py`). It is for trying the software, not for training or conclusions.

    Args:
        name: `dataset`, a store for `einthoven.open_dataset` with ECGs, sampled lead fields and
        distances
            of three patients; or `patient`, a folder with surfaces and electrodes of its test
            patient (anatomy.npz), for `einthoven predict`.

    Raises:
        BadInput: an unknown name.
    """
    if name not in SAMPLES:
        raise BadInput(f"sample: {name!r} is none of {', '.join(SAMPLES)}")
    return FOLDER / SAMPLES[name]
