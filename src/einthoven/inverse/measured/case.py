"""A measured case of inverse ECG, ready for any method: surfaces, electrodes, one beat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.sparse_rows import sparse_rows
from einthoven.inverse.measured.beat import BeatWindow, drift_of, first_beat, level_of
from einthoven.inverse.measured.electrodes import MeasuredElectrodes
from einthoven.inverse.measured.leads import MOST, contradicted_leads, dead_leads
from einthoven.inverse.measured.potential_reference import (
    PotentialReference,
    detect_reference,
    to_mean,
)
from einthoven.inverse.measured.recording import ChannelRecording
from einthoven.inverse.measured.smoothness import Smoothness
from einthoven.inverse.measured.surface_files import ClosedMesh, raise_if_outside
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.mean_reference import less_area_mean
from einthoven.numerics.bem.transfer import BemTransfer

ROUGH = 0.5
"""Bending energy, as a share of that of random orders, above which the order must be wrong."""
SHIFT_GAIN = 1.5
"""A shift of all rows by one, after which neighbours predict leads so much better, is right."""
ENOUGH = 24
"""Fewer electrodes lie too far from each other to judge one by the others."""
MOST_DEAD = 0.5
DRIFT_SHARE = 0.15
"""Of the beat's highest RMS value; more drift than this is told."""


@dataclass(frozen=True)
class Preparation:
    """How a recording becomes a case.

    Attributes:
        bad_leads: drop, interpolate (from the neighbours) or keep.
        baseline: auto (isoelectric segment before the QRS), none, or start and end, ms.
        window_ms: of the recording; None: the first complete beat.
    """

    bad_leads: str = "drop"
    baseline: str | tuple[float, float] = "auto"
    window_ms: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class HeartRecording:
    """Potentials recorded on the heart together with those of the body, for judging.

    Attributes:
        nodes: [channel] of the heart's surface, from 0. potentials: [channel, time] mV.
    """

    nodes: np.ndarray
    potentials: np.ndarray

    def relative_to_mean(self, areas: np.ndarray) -> np.ndarray:
        """Potentials [channel, time] mV against their mean over the areas [channel] mm^2.

        The reference of estimates: bodies of unknown reference say nothing of that mean.
        """
        return less_area_mean(self.potentials, areas)


@dataclass(frozen=True, eq=False)
class InverseCase:
    """What a method is given, and what it is judged by.

    Attributes:
        heart: the surface that is sought on.
        torso: the skin.
        electrodes: those that are used.
        potentials: [electrode, time] mV, baseline taken off, against the recording's reference.
        time: [time] ms from the start of the beat.
        reference: as far as the potentials tell.
        bad_leads: channel -> what is wrong with it.
        beat: the part of the recording.
        measured: potentials at the heart, where they were recorded; same reference and baseline.
        notes: all that was found and done, a sentence each.
    """

    heart: SourceSurface
    torso: ClosedMesh
    electrodes: MeasuredElectrodes
    potentials: np.ndarray
    time: np.ndarray
    reference: PotentialReference
    beat: BeatWindow
    bad_leads: Mapping[str, str] = field(default_factory=dict)
    measured: HeartRecording | None = None
    notes: tuple[str, ...] = ()

    def with_electrodes(self, kept: np.ndarray) -> "InverseCase":
        """The case with some of its electrodes: [electrode] bool or ids."""
        return replace(
            self, electrodes=self.electrodes.only(kept), potentials=self.potentials[kept]
        )

    def problem(self, forward: BemTransfer) -> InverseProblem:
        """What a method is given, against the mean of the electrodes.

        Args:
            forward: linear maps from the heart to the torso.
        """
        transfer, body = self.referenced(forward.matrix)
        torso, sites = self.torso, self.electrodes.sites
        return InverseProblem(
            transfer,
            body,
            self.heart,
            self.time,
            torso=SourceSurface(torso.points, torso.faces),
            electrode_points=self.electrodes.of_torso(torso.points),
            forward=forward,
            at_electrodes=sparse_rows(sites.vertices, sites.weights, len(torso.points)),
            to_mean=True,
            pose_known=False,
        )

    def referenced(self, torso_transfer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Transfer [electrode, node] and potentials [electrode, time] mV.

        Both are against the mean of the electrodes; potentials on the heart then have zero mean
        over its area.

        Args:
            torso_transfer: [torso node, heart node], rows sum to 1.
        """
        at_electrodes = self.electrodes.of_torso(torso_transfer)
        return to_mean(at_electrodes, self.potentials, self.heart.areas)


def prepare(
    heart: ClosedMesh,
    torso: ClosedMesh,
    electrodes: MeasuredElectrodes,
    recording: ChannelRecording,
    how: Preparation = Preparation(),  # noqa: B008
    on_heart: tuple[tuple[str, ...], np.ndarray] | None = None,
) -> InverseCase:
    """Make a case of its parts, or say what is wrong with them.

    Args:
        heart, torso: surfaces in one frame. electrodes: on the torso.
        recording: with the electrodes' channels and, if it has them, others.
        how: what to do with bad leads and baseline, and which part to take.
        on_heart: channels recorded at the heart, and their nodes from 0.

    Raises:
        BadInput: the heart is not inside the torso, channels are missing, most leads are dead, the
            order of the electrodes does not fit the torso, an unknown option.
    """
    raise_if_outside(heart, torso)
    if how.bad_leads not in ("drop", "interpolate", "keep"):
        raise BadInput(f"bad leads: {how.bad_leads!r} is none of drop, interpolate, keep")
    body = recording.of_channels(electrodes.channels)
    if body.rate_hz is None:
        raise BadInput(f"{body.name}: the file does not say its sampling rate; state it in Hz")
    bad = dict(dead_leads(body))
    if len(bad) > MOST_DEAD * len(electrodes):
        raise BadInput(f"{body.name}: {len(bad)} of {len(electrodes)} leads are dead "
                       f"({_listed(bad)}); are these the rows of the electrodes?")  # fmt: skip
    good = np.array([name not in bad for name in body.channels])
    beat, cut = _beat(body, good, how)
    notes = [*heart.notes, *torso.notes, *recording.notes, *_told(body, good, beat, how)]
    smoothness = Smoothness(torso, electrodes.only(good))
    notes += _raise_if_misplaced(body.name, cut[good], smoothness, bad)
    good = np.array([name not in bad for name in body.channels])
    notes += [f"lead {name}: {reason}" for name, reason in bad.items()]
    kept = np.ones(len(good), bool)
    if how.bad_leads == "drop":
        kept = good
    elif how.bad_leads == "interpolate" and not good.all():
        cut = Smoothness(torso, electrodes).filled(np.nan_to_num(cut), ~good)
    potentials = cut[kept]
    reference = detect_reference(potentials, electrodes.only(kept).channels)
    notes.append(f"reference: {reference.value}; taken against the mean of the electrodes")
    step = 1000.0 / body.rate_hz
    measured = None
    if on_heart is not None:
        channels, nodes = on_heart
        at_heart = recording.of_channels(channels)
        measured = HeartRecording(nodes, _cut(at_heart, beat))
    return InverseCase(
        SourceSurface(heart.points, heart.faces), torso, electrodes.only(kept), potentials,
        np.arange(potentials.shape[1]) * step, reference, beat, bad, measured, tuple(notes),
    )  # fmt: skip


def _beat(
    body: ChannelRecording, good: np.ndarray, how: Preparation
) -> tuple[BeatWindow, np.ndarray]:
    """The part to take, and the potentials [electrode, time] mV in it without their baseline."""
    rate = float(body.rate_hz or 0)
    whole = body.potentials.shape[1] * 1000.0 / rate
    if how.window_ms is None:
        beat = first_beat(body.potentials[good], rate)
    else:
        part = body.between(*how.window_ms)
        inner = first_beat(part.potentials[good], rate)
        start, segment = max(how.window_ms[0], 0.0), inner.baseline_ms
        if segment is not None:
            segment = (segment[0] + start, segment[1] + start)
        beat = BeatWindow(start, min(how.window_ms[1], whole), segment, inner.n_beats)
    if isinstance(how.baseline, tuple):
        beat = BeatWindow(beat.start_ms, beat.end_ms, how.baseline, beat.n_beats)
    elif how.baseline == "none":
        beat = BeatWindow(beat.start_ms, beat.end_ms, None, beat.n_beats)
    elif how.baseline != "auto":
        raise BadInput(f"baseline: {how.baseline!r} is none of auto, none, START-END")
    return beat, _cut(body, beat)


def _cut(recording: ChannelRecording, beat: BeatWindow) -> np.ndarray:
    """Potentials of the beat without the level of its isoelectric segment; NaN stays."""
    part = recording.between(beat.start_ms, beat.end_ms).potentials
    if beat.baseline_ms is None:
        return part
    level = level_of(recording.potentials, float(recording.rate_hz or 0), beat.baseline_ms)
    return part - level[:, None]


def _told(
    body: ChannelRecording, good: np.ndarray, beat: BeatWindow, how: Preparation
) -> list[str]:
    """What was found of beat, baseline and drift."""
    notes = [f"beat: {beat.start_ms:.0f} to {beat.end_ms:.0f} ms of a recording with "
             f"{beat.n_beats} QRS"]  # fmt: skip
    if beat.baseline_ms is None:
        why = "as asked" if how.baseline == "none" else "no isoelectric segment before the QRS"
        return [*notes, f"baseline: left as it is ({why})"]
    notes.append(f"baseline: {beat.baseline_ms[0]:.0f} to {beat.baseline_ms[1]:.0f} ms")
    drift = drift_of(body.potentials[good], float(body.rate_hz or 0), beat)
    if drift > DRIFT_SHARE:
        notes.append(f"baseline drifts by {100 * drift:.0f} % of the highest RMS value, or the "
                     "beat does not end isoelectric")  # fmt: skip
    return notes


def _raise_if_misplaced(
    name: str, potentials: np.ndarray, smoothness: Smoothness, bad: dict[str, str]
) -> list[str]:
    """Add leads that their neighbours contradict to `bad`; check the order of all others.

    Raises:
        BadInput: potentials are as rough on the torso as in a random order, or much smoother if all
            rows are shifted by one.
    """
    channels = smoothness.electrodes.channels
    if len(channels) < ENOUGH:
        return [f"order: {len(channels)} electrodes are too few to judge it"]
    own = smoothness.residual(potentials)
    for shift, side in ((-1, "after"), (1, "before")):
        gain = own / smoothness.residual(np.roll(potentials, shift, axis=0))
        if gain > SHIFT_GAIN:
            raise BadInput(
                f"{name}: leads are {gain:.1f} times nearer to what their neighbours predict if "
                f"every electrode takes the row {side} its own: are the rows shifted by one?"
            )
    wrong = contradicted_leads(potentials, smoothness)
    kept = np.setdiff1d(np.arange(len(channels)), [*wrong])
    rest = Smoothness(smoothness.torso, smoothness.electrodes.only(kept))
    rough = rest.roughness(potentials[kept])
    if rough > ROUGH or len(wrong) > MOST * len(channels):
        raise BadInput(
            f"{name}: on the torso the potentials bend {rough:.2f} times as much as those of "
            "electrodes in random order: is the order of the electrodes another one (rows, names, "
            f"frame), or is it noise or drift? {len(wrong)} leads contradict their neighbours"
        )
    bad.update({channels[k]: reason for k, reason in wrong.items()})
    return [f"order: {rough:.3f} of the bending energy of random orders"]


def _listed(bad: Mapping[str, str], most: int = 5) -> str:
    items = [f"{name} {reason}" for name, reason in list(bad.items())[:most]]
    return "; ".join(items) + (" ..." if len(bad) > most else "")
