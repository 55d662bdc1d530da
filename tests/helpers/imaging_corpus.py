"""A small made-up corpus: a beat is a start, a speed and a duration, and so is its ECG."""

from pathlib import Path

import numpy as np

from einthoven.imaging.corpus.beat_parameters import PARAMETERS
from einthoven.imaging.corpus.corpus import N_TIMES, Corpus
from einthoven.imaging.inputs.points import N_POINTS

TIME = np.arange(N_TIMES)
PER_HEART = 24
SPLITS = {"p0000": "train", "p0001": "train", "p0002": "train", "p0003": "val", "p0004": "test"}


def trace(activation_time: np.ndarray, apd90: np.ndarray) -> np.ndarray:
    """Jump to 40 mV between two samples, then a straight fall: [..., 500] mV from -85.

    Of the 125 mV it has lost 90 % exactly `apd90` after activation.
    """
    since = TIME - activation_time[..., None]
    fallen = 125 * 0.9 * since / apd90[..., None]
    return np.where(since < 0, -85.0, np.maximum(40.0 - fallen, -85.0)).astype(np.float32)


def corpus() -> Corpus:
    """Five hearts of different size with beats from the base or the apex."""
    rng = np.random.default_rng(3)
    patient = np.repeat(list(SPLITS), PER_HEART)
    size = np.repeat(rng.uniform(0.8, 1.2, len(SPLITS)), PER_HEART)
    speed, apd = rng.uniform(0.7, 1.3, (2, len(patient)))
    lbbb = np.arange(len(patient)) % 3 == 0
    place = np.linspace(0, 1, N_POINTS)
    from_where = np.where(lbbb[:, None], 1 - place, place)
    times = 90 * (size / speed)[:, None] * from_where
    durations = np.repeat(200 * apd[:, None], N_POINTS, axis=1)
    v_m = trace(times, durations)
    weights = rng.normal(size=(12, N_POINTS)) / N_POINTS
    fem = np.einsum("lp,bpt->blt", weights, v_m + 85).astype(np.float32) / 50
    parameters = np.full((len(patient), len(PARAMETERS)), np.nan)
    known = {"cv_fiber": speed, "apd_mean_ms": 200 * apd, "cycle_length_ms": 1000, "i_kr_factor": 1}
    for name, values in known.items():
        parameters[:, PARAMETERS.index(name)] = values
    return Corpus(
        {"fem": fem, "pseudo": 2 * fem}, times.astype(np.float32), durations.astype(np.float32),
        patient, np.where(lbbb, "lbbb", "sinus"), np.array([SPLITS[name] for name in patient]),
        size[:, None].astype(np.float32), ("size",), parameters, PARAMETERS,
        lambda rows: v_m[rows],
    )  # fmt: skip


def write_llnl(folder: Path, volunteers: int = 4, patterns: int = 2) -> None:
    """Pairs of files with the two forms of name that the published data set has."""
    rng = np.random.default_rng(5)
    for geo in ("", "_geo_act_3_bcl"):
        where = folder / f"data_hearts_dd_0p2{geo}"
        where.mkdir(parents=True)
        for v in range(volunteers):
            for p in range(patterns):
                names = (
                    f"_bcl.1000.pattern.{p}.volunteer.v{v}"
                    if geo
                    else f"_volunteer.v{v}_pattern.{p}"
                )
                stem = f"_hearts_dd_0p2{geo}{names}.npy"
                times = rng.integers(1, 120, N_POINTS).astype(float)
                np.save(where / f"VmData{stem}", trace(times, np.full(N_POINTS, 250.0)).T)
                np.save(where / f"pECGData{stem}", rng.normal(size=(N_TIMES, 10)))
