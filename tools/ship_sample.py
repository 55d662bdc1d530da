"""Put the sample of `ei.sample()` into the package: python tools/ship_sample.py RESULTS

RESULTS is what `snakemake --configfile sample.yaml -- dataset` made, sample.yaml being
config/config.yaml with cohort.n_patients and block_size 3, val_per_block and test_per_block 1,
electrodes.n_grid and n_refined 7, ecg.scenarios sinus and lbbb, sdf_samples.n_points 1000 and
field_samples.n_points 500.
"""

import argparse
import shutil
from pathlib import Path

from einthoven.data.dataset.sample import sample
from einthoven.data.patient.anatomy import Anatomy


def main() -> None:
    """Copy the store, and the anatomy of its first test patient."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    results = parser.parse_args().results
    to = sample("dataset")
    to.parent.mkdir(exist_ok=True)
    shutil.copyfile(results / "dataset" / to.name, to)
    for path in sorted((results / "patients").glob("*/anatomy.npz")):
        if Anatomy.load(path).split == "test":
            sample("patient").mkdir(exist_ok=True)
            shutil.copyfile(path, sample("patient") / path.name)
            return
    raise SystemExit(f"ship_sample: {results}: no patient of split test")


if __name__ == "__main__":
    main()
