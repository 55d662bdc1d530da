"""Inverse problems with their answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.seeds import generator
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT

ARRAYS = (
    "heart_points", "heart_faces", "torso_points", "torso_faces", "electrode_points", "transfer",
    "time", "body_potentials", "potentials", "activation_time", "sites",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class KnownProblem:
    """A heart in a body as the method gets it, with the true potentials.

    Where the heart is misplaced, its surface and the transfer are the wrong ones. The truth is at
    the nodes of the same numbers, and `sites` have moved with the heart.
    """

    name: str
    heart_points: np.ndarray
    """[node, 3] mm."""
    heart_faces: np.ndarray
    """[face, 3] outward; closed, all sources inside."""
    torso_points: np.ndarray
    """[torso node, 3] mm."""
    torso_faces: np.ndarray
    """[torso face, 3] outward."""
    electrode_points: np.ndarray
    """[electrode, 3] mm."""
    transfer: np.ndarray
    """[electrode, node] 1, for the reconstruction."""
    time: np.ndarray
    """[time] uniform, in `time_unit`."""
    body_potentials: np.ndarray
    """[electrode, time] without noise, in `unit`."""
    potentials: np.ndarray
    """[node, time] true potentials, in `unit`."""
    activation_time: np.ndarray
    """[node] true times, in `time_unit`; NaN where nothing is activated, as on valve caps."""
    sites: np.ndarray
    """[site, 3] mm of pacing; empty for a beat that was not paced."""
    transmembrane: bool
    """Whether potentials are transmembrane ones, which rise at activation; others fall."""
    unit: str = "mV"
    time_unit: str = "ms"
    made: Mapping[str, Any] = field(default_factory=dict)
    """Settings and figures of its making, for tables."""

    def __post_init__(self) -> None:
        n, n_electrodes, n_time = len(self.heart_points), len(self.transfer), len(self.time)
        for name, expected in (
            ("transfer", (None, n)), ("body_potentials", (n_electrodes, n_time)),
            ("potentials", (n, n_time)), ("electrode_points", (n_electrodes, 3)),
            ("sites", (None, 3)),
        ):  # fmt: skip
            check.finite(name, check.shape(name, getattr(self, name), expected))
        check.shape("activation_time", self.activation_time, (n,))
        if not np.isfinite(self.activation_time).any():
            raise BadInput(f"{self.name}: activation_time: no node has a time; was it solved for?")

    @cached_property
    def surface(self) -> SourceSurface:
        """Surface on which the potentials are estimated."""
        return SourceSurface(self.heart_points, self.heart_faces)

    def problem(self, body_potentials: np.ndarray, noise_sd: float | None = None) -> InverseProblem:
        """The problem without its answer; potentials [electrode, time] as `noisy` makes them.

        The SD of their noise, in `unit`, is given if the method may know it.
        """
        return InverseProblem(
            self.transfer,
            body_potentials,
            self.surface,
            self.time,
            torso=SourceSurface(self.torso_points, self.torso_faces),
            electrode_points=self.electrode_points,
            transmembrane=self.transmembrane,
            ms_per_unit=MS_PER_UNIT if self.time_unit == "ms" else 1.0,
            noise_sd=noise_sd,
        )

    @property
    def forward_error(self) -> float:
        """|y - A u| / |y| without noise: relative error of the transfer matrix, 1."""
        residual = self.body_potentials - self.transfer @ self.potentials
        return float(np.linalg.norm(residual) / np.linalg.norm(self.body_potentials))

    def noisy(self, sd: float, seed: int) -> np.ndarray:
        """Body potentials with independent Gaussian noise of an SD in `unit`: [electrode, time].

        Raises:
            BadInput: a negative SD.
        """
        check.between("noise sd", sd, 0.0, np.inf)
        noise = generator(seed, "inverse", self.name).standard_normal(self.body_potentials.shape)
        return self.body_potentials + sd * noise

    def save(self, path: str | Path) -> None:
        """Write to one file, atomically."""
        attrs = {"name": self.name, "transmembrane": self.transmembrane, "unit": self.unit,
                 "time_unit": self.time_unit, "made": dict(self.made)}  # fmt: skip
        save_arrays(path, {name: getattr(self, name) for name in ARRAYS}, **attrs)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The problem that `save` wrote.

        Raises:
            BadInput: missing, unreadable or made by another tool.
        """
        arrays = load_arrays(path, require=ARRAYS)
        if "transmembrane" not in arrays.attrs:
            raise BadInput(f"{path}: no inverse problem with its answer; was it made by `save`?")
        fields: dict[str, Any] = {**arrays, **arrays.attrs}
        return cls(**fields)
