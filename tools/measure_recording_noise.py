"""Print the noise of people's recordings, from which the levels of section recording were taken.

Example: python tools/measure_recording_noise.py ptb-xl

Healthy adults of PTB-XL are read, except those whose patient_id is a multiple of `TEST_EVERY`.
"""

import argparse
from pathlib import Path

import numpy as np

from einthoven.app.evaluation.realism.sheets import healthy_adults, is_of_test
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.physics.ecg.recorder.measured_noise import (
    BANDS_HZ,
    NoiseMeasures,
    electrode_levels,
    typical,
)
from einthoven.physics.ecg.recordings.read import read_recording


def main(folder: Path) -> None:
    """Print percentiles over people, and the levels at the electrodes that explain them."""
    people = [one for one in healthy_adults(folder) if not is_of_test(one)]
    files = [one.file for one in people if one.file.exists()]
    measures = [NoiseMeasures.of(read_recording(file)) for file in files]
    print(f"{len(measures)} people; 10th, 50th, 90th percentile")
    for name, values in typical(measures).items():
        print(f"  {name}: {values}")
    for name in (None, *BANDS_HZ):
        found = [electrode_levels(m.wander if name is None else m.bands[name]) for m in measures]
        median = 1000.0 * np.median([levels for levels, _ in found], axis=0)
        shown = dict(zip(STANDARD_ELECTRODES, median.round(1).tolist()))
        explained = np.median([share for _, share in found])
        print(f"  {name or 'baseline'}: uV {shown}, {explained:.2f} explained")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
