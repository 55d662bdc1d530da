"""The limit of imaging: the error of the best map that an ECG allows on a known heart.

    python studies/bayes_limit.py RESULTS --patients p0000 p0001 --beats 5 --json OUT

RESULTS has patients/ with anatomy, mesh, fibres, lead fields and trees. Beats are those of section
`imaging`, stratified by its shares of patterns. Each is simulated and its ECG gets white noise of
`--noise` mV. The posterior of all that was drawn is then sampled from the truth and, for the first
`--searched` beats, from the most probable beat that a search from the prior finds, which does not
know the truth. A beat that is in OUT already is not computed again.

The Bayes-optimal map for absolute errors is the posterior's median, and `limit_ms` its expected
error. `error_from_prior_ms` is the error of an estimate that knows the ECG and the heart alone, so
that its mean is above the limit whether or not the search found everything.
"""

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from beat_cube import BeatHeart, GivenEcg, beat_at, names_of
from beat_search_prior import Bank, BeatGuess, most_probable
from cube_chains import Chains, r_hat, run_chains, tangent

from einthoven.base.config import Config, load
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.seeds import generator
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs.lead_fields import lead_fields_of

FORWARD = "fem"
MET_MS = 0.2
"""Largest mean distance of the medians of two ends that met."""
MET_LOG_LIKELIHOOD = 10.0
"""Largest difference of their mean log-likelihoods."""


class Options(NamedTuple):
    """What the figures of a beat depend on, beside beat and heart."""

    noise_mv: float
    n_bank: int
    draws: tuple[int, int]
    seed: int
    window_ms: int = N_TIMES
    bin_ms: int = 1


class End(NamedTuple):
    """A posterior from one start."""

    chains: Chains
    median: np.ndarray
    """[75] ms, the map."""

    @property
    def expected_error_ms(self) -> float:
        """Expected mean absolute error of the median, over the draws."""
        return float(np.abs(self.chains.draws - self.median).mean())


def stratified(section_share: float, k: int, draws: np.random.Generator, n: int) -> np.ndarray:
    """A point of the prior, of stratum k of its first two coordinates: [n].

    Of five beats in a row the first three are paced at one, two and three sites, as often as
    `paced_share` 0.6 and equal shares say.

    Raises:
        BadInput: another share of paced beats.
    """
    if not np.isclose(section_share, 0.6):
        raise BadInput(f"imaging.paced_share = {section_share:g}: the strata are those of 0.6")
    point, stratum = draws.random(n), k % 5
    paced = stratum < 3
    point[0] *= 0.6
    point[0] = point[0] if paced else 0.6 + point[0] * 0.4 / 0.6
    if paced:
        point[1] = (stratum + point[1]) / 3
    return point


def end_of(target: GivenEcg, start: np.ndarray, draws: tuple[int, int],
           rng: np.random.Generator) -> End:  # fmt: skip
    """The posterior from a start."""
    near = tangent(target, start, target.see(start)).laplace
    chains = run_chains(target, near, start, draws, rng)
    return End(chains, np.median(chains.draws, axis=0))


def bank_of(heart: BeatHeart, options: Options) -> Bank:
    """Draws of the prior, for all beats of a heart."""
    rng = generator(options.seed, heart.simulator.patient.name, "bayes-limit", "bank")
    points = rng.random((options.n_bank, len(names_of(heart.section))))
    cases = [beat_at(heart.section, point) for point in points]
    kinds = [case.pattern if case.sites else "conducted" for case in cases]
    ecgs = np.array([heart.beat(point)[0] for point in points], np.float32)
    return Bank(points, ecgs, np.array(kinds))


def beat_figures(heart: BeatHeart, bank: Bank | None, k: int, options: Options) -> dict[str, Any]:
    """Limit and diagnostics of one beat; without a bank nothing is searched."""
    began, name = time.process_time(), heart.simulator.patient.name
    rng = generator(options.seed, name, "bayes-limit", k)
    point = stratified(heart.section.paced_share, k, rng, len(names_of(heart.section)))
    ecg, truth = heart.beat(point)
    noisy = ecg + options.noise_mv * rng.standard_normal(ecg.shape)
    target = GivenEcg(heart, noisy, options.noise_mv, options.window_ms, options.bin_ms)
    of_truth = end_of(target, point, options.draws, rng)
    about = {"patient": name, "beat": k, "pattern": beat_at(heart.section, point).pattern,
             "sites": target.heart.places(point)}  # fmt: skip
    about |= _figures_of_truth(of_truth, truth)
    if bank is not None:
        found = most_probable(
            target, bank, generator(options.seed, name, "bayes-limit", k, "search")
        )
        of_prior = end_of(target, found.point, options.draws, rng)
        about |= _search(target, found) | _figures_of_both(of_truth, of_prior, truth)
    return about | {"cpu_s": time.process_time() - began}


def _figures_of_truth(end: End, truth: np.ndarray) -> dict[str, Any]:
    """Limit, and how the chains went."""
    rank = (end.chains.draws < truth).mean(axis=0)
    return {
        "limit_ms": end.expected_error_ms,
        "error_from_truth_ms": float(np.abs(end.median - truth).mean()),
        "r_hat_from_truth": float(np.median(r_hat(end.chains.outputs))),
        "within_90": float(((rank >= 0.05) & (rank <= 0.95)).mean()),
        "accepted": end.chains.accepted,
    }


def _figures_of_both(of_truth: End, of_prior: End, truth: np.ndarray) -> dict[str, Any]:
    """Error of the estimate that does not know the truth, and whether both ends met."""
    apart = float(np.abs(of_truth.median - of_prior.median).mean())
    behind = float(of_truth.chains.log_likelihood.mean() - of_prior.chains.log_likelihood.mean())
    both = np.concatenate([end.chains.outputs for end in (of_truth, of_prior)])
    return {
        "limit_from_prior_ms": of_prior.expected_error_ms,
        "error_from_prior_ms": float(np.abs(of_prior.median - truth).mean()),
        "r_hat_of_both": float(np.median(r_hat(both))),
        "medians_apart_ms": apart,
        "prior_behind_log_likelihood": behind,
        "met": apart < MET_MS and abs(behind) < MET_LOG_LIKELIHOOD,
    }


def _search(target: GivenEcg, found: BeatGuess) -> dict[str, Any]:
    """What the search found."""
    section = target.heart.section
    return {
        "pattern_from_prior": beat_at(section, found.point).pattern,
        "sites_from_prior": target.heart.places(found.point),
        "residual_from_prior": float(np.sqrt(np.square(found.seen.residual).mean())),
    }


def heart_of(folder: Path, config: Config) -> BeatHeart:
    """A patient's heart."""
    patient = Patient.open(folder)
    fields = lead_fields_of(patient, config.leadfield, (FORWARD,))
    simulator = Simulator.of(patient, fields, config.activation, config.repolarisation.smoothing_mm)
    return BeatHeart(simulator, config.imaging, FORWARD)


def summary(beats: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the beats, of all and by pattern; `searched` of those with a search."""
    kinds = [one["pattern"] if one["sites"] else "conducted" for one in beats]
    of_kind = {kind: _means([one for one, its in zip(beats, kinds, strict=True) if its == kind])
               for kind in sorted(set(kinds))}  # fmt: skip
    return _means(beats) | {"by_pattern": of_kind}


def _means(beats: list[dict[str, Any]]) -> dict[str, Any]:
    searched = [one for one in beats if "met" in one]

    def mean(some: list[dict[str, Any]], *names: str) -> dict[str, Any]:
        return {"n": len(some)} | {name: float(np.mean([one[name] for one in some]))
                                   for name in names if some}  # fmt: skip

    return mean(beats, "limit_ms", "error_from_truth_ms", "within_90") | {
        "searched": mean(searched, "limit_ms", "error_from_prior_ms", "met")
    }


def main() -> None:
    """Beat by beat; what is in the file already stays."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--patients", nargs="+", required=True)
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--beats", type=int, default=5, help="of each patient")
    parser.add_argument("--draws", type=int, nargs=2, default=(8, 24), help="chains and sweeps")
    parser.add_argument("--searched", type=int, default=5, help="beats of each patient")
    parser.add_argument("--bank", type=int, default=400, help="prior draws that start the search")
    parser.add_argument("--noise", type=float, default=0.01, help="SD of white noise, mV")
    parser.add_argument("--window", type=int, default=N_TIMES, help="ms of the ECG that are known")
    parser.add_argument("--bin", type=int, default=1, help="ms; means of so much are known")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    options = Options(
        given.noise, given.bank, tuple(given.draws), given.seed, given.window, given.bin
    )
    config, settings = load(given.config), options._asdict() | {"draws": list(options.draws)}
    done = read_json(given.json) if given.json.exists() else {"settings": settings, "beats": []}
    if done["settings"] != settings:
        raise BadInput(f"{given.json}: of other settings, {done['settings']}; name another file")
    for name in given.patients:
        have = {one["beat"] for one in done["beats"] if one["patient"] == name}
        if not (missing := [k for k in range(given.beats) if k not in have]):
            continue
        heart = heart_of(given.results / "patients" / name, config)
        bank = bank_of(heart, options) if min(missing) < given.searched else None
        for k in missing:
            start = bank if k < given.searched else None
            done["beats"].append(beat_figures(heart, start, k, options))
            done["summary"] = summary(done["beats"])
            write_json(given.json, done)
            print(done["beats"][-1], flush=True)
    print(done["summary"])


if __name__ == "__main__":
    main()
