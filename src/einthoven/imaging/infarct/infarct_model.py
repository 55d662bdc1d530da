"""The packed model for infarcts, and what it says of a recorded beat.

The model is a few networks, each trained on other people's beats; `tools/train_infarcts.py` makes
it and `data/` beside this file holds the shipped one. Loading executes no code of the files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from einthoven.base.config.substrate import TERRITORIES
from einthoven.base.core import check
from einthoven.base.core.files import write_json
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.infarct.infarct_network import KIND, InfarctNetwork
from einthoven.imaging.inputs.onsets import LEAD_IN_MS, steep_onset_ms
from einthoven.imaging.model.recorded_pattern import COMPLETE_MS, shipped_patterns
from einthoven.numerics.training.tensors import load_model, load_weights, save_model
from einthoven.physics.ecg.recordings.aligned import AlignedBeat, aligned_beat
from einthoven.physics.ecg.recordings.recording import Recording

SHIPPED = Path(__file__).parent / "data" / "infarct.safetensors"
ARTERIES = ("LAD", "LCX", "RCA")
WALLS = {"LAD": "anterior", "LCX": "lateral", "RCA": "inferior"}
"""Artery -> the wall of its territory, as reports of ECGs name it."""
LIKELY, POSSIBLE = 0.5, 0.2
"""Least probabilities; the second is the share of infarcts among those of the calibration."""
MEDIAN_FIRST = (1, 0, 2)
"""Median, low, high of `infarct_network.LEVELS`."""
WARNING = (
    "The scar is what networks that learned from simulated scars take for likely; of recordings "
    "only its presence and wall were compared with labels"
)


class InfarctEstimate(NamedTuple):
    """Estimates of a model for beats."""

    presence: np.ndarray
    """[beat] probability of a scar."""
    segments: np.ndarray
    """[beat, 17] probability that an AHA segment is infarcted, if there is a scar."""
    lv_percent: np.ndarray
    """[beat, 3] median and ends of the 90 % interval of the core, % of the LV, if there is one."""
    transmurality: np.ndarray
    """[beat, 3] the same of the transmurality, 0 to 1."""

    @property
    def territory(self) -> np.ndarray:
        """[beat, 3] mean probability of the segments of each of `ARTERIES`, made to add to one."""
        numbers = [np.array(TERRITORIES[artery, "proximal"]) - 1 for artery in ARTERIES]
        means = np.stack([self.segments[:, rows].mean(axis=1) for rows in numbers], axis=1)
        return means / np.maximum(means.sum(axis=1, keepdims=True), 1e-12)

    @property
    def anterior_to_inferior(self) -> np.ndarray:
        """[beat] ratio of the territories of LAD and RCA."""
        lad, rca = (self.territory[:, ARTERIES.index(artery)] for artery in ("LAD", "RCA"))
        return np.asarray(lad / np.maximum(rca, 1e-9))


@dataclass(frozen=True, eq=False)
class InfarctReport:
    """Report on the infarct of a recorded beat.

    Attributes:
        estimate: of this one beat. note: why presence is not reported; empty if it is.
    """

    estimate: InfarctEstimate
    note: str

    @property
    def artery(self) -> str:
        """The most likely of `ARTERIES`."""
        return ARTERIES[int(self.estimate.territory[0].argmax())]

    def line(self) -> str:
        """One line for a reader."""
        if self.note:
            return f"infarct: not reported; {self.note}"
        chance = float(self.estimate.presence[0])
        if chance < POSSIBLE:
            return f"infarct: unlikely ({chance:.0%})"
        word = "likely" if chance >= LIKELY else "possible"
        middle, low, high = self.estimate.lv_percent[0]
        share = float(self.estimate.territory[0].max())
        return (
            f"infarct: {word} ({chance:.0%}), most likely {WALLS[self.artery]} ({self.artery} "
            f"territory, {share:.0%}), {middle:.0f} % of the left ventricle (90 % interval "
            f"{low:.0f} to {high:.0f})"
        )

    def write(self, folder: str | Path) -> None:
        """Write infarct.json, atomically."""
        write_json(Path(folder) / "infarct.json", self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Content of infarct.json."""
        found = self.estimate
        interval = lambda row: dict(zip(("median", "low", "high"), map(float, row)))  # noqa: E731
        return {
            "reported": not self.note, "note": self.note, "probability": float(found.presence[0]),
            "territory": dict(zip(ARTERIES, map(float, found.territory[0]))),
            "segments": list(map(float, found.segments[0])),
            "lv_percent": interval(found.lv_percent[0]),
            "transmurality": interval(found.transmurality[0]), "warning": WARNING,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class InfarctModel:
    """Networks whose mean is the estimate.

    Attributes:
        networks: at least one.
        scale, offset: presence of a recorded beat = sigmoid(scale * mean logit + offset).
        about: on whom it was trained and calibrated, and its figures.
    """

    networks: Sequence[InfarctNetwork]
    scale: float
    offset: float
    about: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | Path = SHIPPED) -> Self:
        """Read a file of `save`.

        Raises:
            BadInput: missing, damaged, of another kind or version.
        """
        tensors, about = load_model(path, kind=KIND)
        networks = []
        for k in range(int(about["n_networks"])):
            own = {name.removeprefix(f"{k}."): tensor for name, tensor in tensors.items()
                   if name.startswith(f"{k}.")}  # fmt: skip
            network = InfarctNetwork()
            load_weights(network, own, path)
            networks.append(network.eval())
        return cls(networks, float(about["scale"]), float(about["offset"]), about["about"])

    def save(self, path: str | Path, data_sha256: str) -> None:
        """Write all networks in one file, atomically."""
        tensors = {f"{k}.{name}": tensor for k, network in enumerate(self.networks)
                   for name, tensor in network.state_dict().items()}  # fmt: skip
        save_model(path, tensors, kind=KIND, config={}, data_sha256=data_sha256,
                   package="einthoven.imaging.infarct", n_networks=len(self.networks),
                   scale=self.scale, offset=self.offset, about=dict(self.about))  # fmt: skip

    def estimate(self, ecg: np.ndarray, *, is_recorded: bool = True) -> InfarctEstimate:
        """Estimates of the networks for beats.

        Args:
            ecg: [beat, 12, 500] mV, order core.names.LEADS, 1 ms per sample from `LEAD_IN_MS`
                before the QRS onset (`inputs.onsets`).
            is_recorded: whether presence is calibrated as in recordings, or is the networks' own,
                for simulated beats.

        Raises:
            BadInput: another shape, or NaN.
        """
        given = check.finite("ecg", check.shape("ecg", ecg, (None, 12, N_TIMES)))
        with torch.no_grad():
            found = [network(torch.as_tensor(np.float32(given))) for network in self.networks]
            present, segments, sizes = (torch.stack(parts).mean(dim=0) for parts in zip(*found))
        logit = present.numpy()
        if is_recorded:
            logit = self.scale * logit + self.offset
        ordered = sizes.numpy()[:, :, MEDIAN_FIRST]
        return InfarctEstimate(
            _chance(logit), _chance(segments.numpy()),
            ordered[:, 0].clip(0.0, 100.0), ordered[:, 1].clip(0.0, 1.0),
        )  # fmt: skip

    def report(self, beat: AlignedBeat) -> InfarctReport:
        """Report on the infarct of a recorded beat.

        Presence was calibrated on beats without a conduction disturbance, so in paced beats and
        from a QRS of 120 ms on it is not reported.

        Raises:
            BadInput: a beat without a QRS onset.
        """
        return InfarctReport(self.estimate(placed(beat)[None]), self._why_not(beat))

    @staticmethod
    def _why_not(beat: AlignedBeat) -> str:
        found = shipped_patterns().pattern(beat)
        if found.pattern == "paced":
            return "the beat is paced"
        if beat.delineation.qrs_ms >= COMPLETE_MS:
            return f"the QRS lasts {beat.delineation.qrs_ms:.0f} ms: conduction is disturbed"
        return ""


def placed(beat: AlignedBeat) -> np.ndarray:
    """A recorded beat as networks take it, [12, 500] mV from `LEAD_IN_MS` before its QRS onset.

    Raises:
        BadInput: it has none.
    """
    return np.asarray(beat.window(LEAD_IN_MS - steep_onset_ms(beat.ecg, beat.time)), float)


def infarct(recording: Recording, model: InfarctModel | None = None) -> InfarctReport:
    """Report on an infarct in a recording of one or several beats.

    Args:
        recording: see `ei.read_ecg`. model: None: the shipped one.

    Raises:
        BadInput: as `aligned_beat` and `InfarctModel.report`.
    """
    return (model or InfarctModel.load()).report(aligned_beat(recording))


def _chance(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-logit.astype(float))))
