"""A measured case of inverse ECG, ready for any method: surfaces, electrodes, one beat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger
from einthoven.inverse.measured.beat import BeatWindow, drift_of, first_beat, level_of
from einthoven.inverse.measured.electrodes import MeasuredElectrodes
from einthoven.inverse.measured.leads import MOST, contradicted_leads, dead_leads
from einthoven.inverse.measured.recording import ChannelRecording, detect_reference
from einthoven.inverse.measured.smoothness import Smoothness
from einthoven.inverse.measured.surface_files import MeasuredSurface, raise_if_outside
from einthoven.inverse.measured.transfer_file import FiledTransfer, compared
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.mean_reference import transfer_to_mean
from einthoven.numerics.bem.transfer import BemTransfer

ROUGH = 0.5
"""Bending energy, as a share of that of random orders, above which the order must be wrong."""
SHIFT_GAIN = 1.5
"""Ratio of residuals above which all rows are taken to be shifted by one."""
ENOUGH = 24
"""Least number of electrodes whose order is checked; fewer lie too far from each other."""
MOST_DEAD = 0.5
"""Largest share of dead leads."""
DRIFT_SHARE = 0.15
"""Drift, as a share of the beat's highest RMS value, above which a note says so."""
NOT_COMPARED = "transfer matrix: as filed; not compared with the geometry"
BAD_LEADS = ("drop", "interpolate", "keep")


@dataclass(frozen=True)
class Preparation:
    """Settings by which a recording becomes a case."""

    bad_leads: str = "drop"
    """Drop, interpolate (from the neighbours) or keep."""
    baseline: str | tuple[float, float] = "auto"
    """Auto (isoelectric segment before the QRS), none, or start and end, ms."""
    window_ms: tuple[float, float] | None = None
    """Part of the recording; None: the first complete beat."""


@dataclass(frozen=True, eq=False)
class HeartRecording:
    """Potentials recorded on the heart together with those of the body, as a reference."""

    nodes: np.ndarray
    """[channel] of the heart's surface, from 0."""
    potentials: np.ndarray
    """[channel, time] mV."""


@dataclass(frozen=True, eq=False)
class InverseCase:
    """Input of a method, and potentials on the heart to compare its estimate with."""

    heart: SourceSurface
    """Surface on which potentials are estimated."""
    torso: MeasuredSurface
    """The skin."""
    electrodes: MeasuredElectrodes
    """Electrodes in use."""
    potentials: np.ndarray
    """[electrode, time] mV without baseline, against the recording's reference."""
    time: np.ndarray
    """[time] ms from the start of the beat."""
    reference: str
    """Reference as detected from the potentials."""
    beat: BeatWindow
    """Part of the recording."""
    bad_leads: Mapping[str, str] = field(default_factory=dict)
    """Channel -> its fault."""
    measured: HeartRecording | None = None
    """Potentials recorded on the heart; same reference and baseline."""
    notes: tuple[str, ...] = ()
    """Findings and changes, a sentence each."""
    transfer: np.ndarray | None = None
    """[electrode, node] filed matrix; None: boundary elements compute one."""

    def with_electrodes(self, kept: np.ndarray) -> "InverseCase":
        """The case with some of its electrodes: [electrode] bool or ids."""
        rows = None if self.transfer is None else self.transfer[kept]
        return replace(
            self,
            electrodes=self.electrodes.only(kept),
            potentials=self.potentials[kept],
            transfer=rows,
        )

    def with_transfer(
        self,
        filed: FiledTransfer,
        electrodes: MeasuredElectrodes,
        computed: np.ndarray | None = None,
    ) -> "InverseCase":
        """The case with a filed matrix.

        Args:
            filed: with a row per electrode, or per node of the torso.
            electrodes: all electrodes, in the order of its rows, also those left out here.
            computed: [torso node, node] matrix of the geometry, with which it is compared; None:
                there is none.

        Raises:
            BadInput: it has little in common with the computed one.
        """
        n = len(electrodes)
        rows = [electrodes.channels.index(name) for name in self.electrodes.channels]
        transfer, note = filed.at_electrodes(electrodes.of_torso, n)[rows], NOT_COMPARED
        if computed is not None:
            note = compared(filed.name, transfer, electrodes.of_torso(computed)[rows])
        return replace(self, transfer=transfer, notes=(*self.notes, note))

    def with_heart(self, recording: ChannelRecording, nodes: np.ndarray) -> "InverseCase":
        """The case with potentials recorded on the heart by themselves.

        Args:
            recording: sampled together with that of the body, a row per node.
            nodes: [row] of the heart's surface, from 0.

        Raises:
            BadInput: not as many rows as nodes, another sampling or length, or no good row.
        """
        if len(recording.channels) != len(nodes):
            raise BadInput(
                f"{recording.name}: {len(recording.channels)} rows for {len(nodes)} nodes of the "
                "heart; is it the signal of another surface?"
            )
        potentials = _cut(recording, self.beat)
        if potentials.shape[1] != len(self.time):
            raise BadInput(
                f"{recording.name}: {potentials.shape[1]} samples in the beat, but "
                f"{len(self.time)} on the body; were they sampled together?"
            )
        good = np.isfinite(potentials).all(axis=1) & (np.ptp(potentials, axis=1) > 0)
        if not good.any():
            raise BadInput(f"{recording.name}: every row is flat or has NaN; is it another signal?")
        measured = HeartRecording(nodes[good], potentials[good])
        return replace(self, measured=measured)

    def problem(self, forward: BemTransfer | None = None) -> InverseProblem:
        """Inverse problem against the mean of the electrodes.

        Potentials on the heart then have zero mean over its area (`problem.mean_reference`). The
        forward model is needed without a matrix from a file. A method may move the heart, unless
        its surface has a hole that cannot be capped.
        """
        torso, electrodes = self.torso, self.electrodes
        if self.transfer is not None:
            if not (is_movable := self.heart.can_be_closed):
                logger.warning("heart: a hole has no simple cap, so no method moves the heart")
            return InverseProblem(
                transfer_to_mean(self.transfer, self.heart.areas),
                self.potentials - self.potentials.mean(axis=0),
                self.heart,
                self.time,
                torso=SourceSurface(torso.points, torso.faces) if torso.is_closed else None,
                electrode_points=electrodes.of_torso(torso.points),
                to_mean=True,
                pose_known=not is_movable,
            )
        if forward is None:
            raise BadInput("forward: give the maps of `forward_model`, or a filed matrix")
        return InverseProblem(
            transfer_to_mean(electrodes.of_torso(forward.matrix), self.heart.areas),
            self.potentials - self.potentials.mean(axis=0),
            self.heart,
            self.time,
            torso=SourceSurface(torso.points, torso.faces),
            electrode_points=electrodes.of_torso(torso.points),
            forward=forward,
            at_electrodes=electrodes.interpolation(len(torso.points)),
            to_mean=True,
            pose_known=False,
        )


def prepare(
    heart: MeasuredSurface,
    torso: MeasuredSurface,
    electrodes: MeasuredElectrodes,
    recording: ChannelRecording,
    how: Preparation = Preparation(),  # noqa: B008
    on_heart: tuple[tuple[str, ...], np.ndarray] | None = None,
) -> InverseCase:
    """Make a case of its parts.

    Args:
        heart, torso: surfaces in one frame.
        electrodes: on the torso.
        recording: with the electrodes' channels, and maybe others.
        how: treatment of bad leads and baseline, and the part of the recording.
        on_heart: channels recorded at the heart, and their nodes from 0.

    Raises:
        BadInput: the heart is not inside the torso, channels are missing, most leads are dead, the
            order of the electrodes does not fit the torso, an unknown option.
    """
    raise_if_outside(heart, torso)
    if how.bad_leads not in BAD_LEADS:
        raise BadInput(f"bad leads: {how.bad_leads!r} is none of {', '.join(BAD_LEADS)}")
    body = recording.of_channels(electrodes.channels)
    bad = _dead(body)
    live = np.array([name not in bad for name in body.channels])
    beat = _beat(body, live, how)
    potentials = _cut(body, beat)
    notes = [*heart.notes, *torso.notes, *recording.notes, *_beat_notes(body, live, beat, how)]
    smoothness = Smoothness(torso, electrodes.only(live))
    notes += _raise_if_misplaced(body.name, potentials[live], smoothness, bad)
    notes += [f"lead {name}: {reason}" for name, reason in bad.items()]
    good = np.array([name not in bad for name in body.channels])
    if how.bad_leads == "interpolate" and not good.all():
        potentials = Smoothness(torso, electrodes).filled(np.nan_to_num(potentials), ~good)
    kept = good if how.bad_leads == "drop" else np.ones(len(good), bool)
    electrodes, potentials = electrodes.only(kept), potentials[kept]
    reference = detect_reference(potentials, electrodes.channels)
    notes.append(f"reference: {reference}; taken against the mean of the electrodes")
    measured = None
    if on_heart is not None:
        channels, nodes = on_heart
        measured = HeartRecording(nodes, _cut(recording.of_channels(channels), beat))
    return InverseCase(
        SourceSurface(heart.points, heart.faces), torso, electrodes, potentials,
        np.arange(potentials.shape[1]) * (1000.0 / body.rate), reference, beat, bad, measured,
        tuple(notes),
    )  # fmt: skip


def _dead(body: ChannelRecording) -> dict[str, str]:
    """Dead leads by name, with their faults."""
    bad = dict(dead_leads(body))
    if len(bad) > MOST_DEAD * len(body.channels):
        shown = "; ".join(f"{name} {reason}" for name, reason in list(bad.items())[:5])
        raise BadInput(f"{body.name}: {len(bad)} of {len(body.channels)} leads are dead "
                       f"({shown} ...); are these the rows of the electrodes?")  # fmt: skip
    return bad


def _beat(body: ChannelRecording, good: np.ndarray, how: Preparation) -> BeatWindow:
    """Part of the recording that is used, and its isoelectric segment."""
    whole = body.potentials.shape[1] * 1000.0 / body.rate
    if how.window_ms is None:
        beat = first_beat(body.potentials[good], body.rate)
    else:
        inner = first_beat(body.between(*how.window_ms).potentials[good], body.rate)
        start, segment = max(how.window_ms[0], 0.0), inner.baseline_ms
        if segment is not None:
            segment = (segment[0] + start, segment[1] + start)
        beat = BeatWindow(start, min(how.window_ms[1], whole), segment, inner.n_beats)
    if isinstance(how.baseline, tuple):
        return replace(beat, baseline_ms=how.baseline)
    if how.baseline not in ("auto", "none"):
        raise BadInput(f"baseline: {how.baseline!r} is none of auto, none, START-END")
    return beat if how.baseline == "auto" else replace(beat, baseline_ms=None)


def _cut(recording: ChannelRecording, beat: BeatWindow) -> np.ndarray:
    """Potentials of the beat without the level of its isoelectric segment; NaN stays."""
    part = recording.between(beat.start_ms, beat.end_ms).potentials
    if beat.baseline_ms is None:
        return part
    return part - level_of(recording.potentials, recording.rate, beat.baseline_ms)[:, None]


def _beat_notes(
    body: ChannelRecording, good: np.ndarray, beat: BeatWindow, how: Preparation
) -> list[str]:
    """Notes on beat, baseline and drift."""
    notes = [f"beat: {beat.start_ms:.0f} to {beat.end_ms:.0f} ms of a recording with "
             f"{beat.n_beats} QRS"]  # fmt: skip
    if beat.baseline_ms is None:
        why = "as asked" if how.baseline == "none" else "no isoelectric segment before the QRS"
        return [*notes, f"baseline: left as it is ({why})"]
    notes.append(f"baseline: {beat.baseline_ms[0]:.0f} to {beat.baseline_ms[1]:.0f} ms")
    drift = drift_of(body.potentials[good], body.rate, beat)
    if drift > DRIFT_SHARE:
        notes.append(f"baseline drifts by {100 * drift:.0f} % of the highest RMS value, or the "
                     "beat does not end isoelectric")  # fmt: skip
    return notes


def _raise_if_misplaced(
    name: str, potentials: np.ndarray, smoothness: Smoothness, bad: dict[str, str]
) -> list[str]:
    """Add leads that their neighbours contradict to `bad`, and check the order of all others."""
    channels = smoothness.electrodes.channels
    if len(channels) < ENOUGH:
        return [f"order: {len(channels)} electrodes are too few to check it"]
    residual = smoothness.residual(potentials)
    for shift, side in ((-1, "after"), (1, "before")):
        gain = residual / smoothness.residual(np.roll(potentials, shift, axis=0))
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
