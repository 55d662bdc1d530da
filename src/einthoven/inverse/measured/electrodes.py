"""Electrodes on a torso, each with its channel of a recording.

Files number channels and nodes from 1, as the EDGAR collection's do:

- `.channels` (map3d): lines `node channel`; the channel is a row of the recording.
- `.leadlinks` (map3d): lines `lead node`; the lead is a row of the recording.
- `.pts`: a place `x y z` per electrode; electrode k is row k.
- `.csv`: columns `name` and `node`, or `name`, `x`, `y`, `z`; the name is that of a channel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import by_suffix, read_csv
from einthoven.base.geometry.barycentric import SkinPoints, attach
from einthoven.base.geometry.carp import read_numbers
from einthoven.base.geometry.simplex import sparse_rows
from einthoven.body.imported.read import read_points
from einthoven.body.segmentation.reading import MM
from einthoven.inverse.measured.recording import ChannelRecording
from einthoven.inverse.measured.surface_files import MeasuredSurface

FAR_MM = 15.0
"""Largest distance of an electrode from the skin."""


@dataclass(frozen=True, eq=False)
class MeasuredElectrodes:
    """Electrodes on the torso."""

    channels: tuple[str, ...]
    """Channels of the recording, one per electrode."""
    sites: SkinPoints
    """Their places on the torso's triangles."""

    def __len__(self) -> int:
        return len(self.channels)

    def only(self, kept: np.ndarray) -> "MeasuredElectrodes":
        """Electrodes that are kept: [electrode] bool or ids."""
        kept = np.arange(len(self))[kept]
        return MeasuredElectrodes(tuple(self.channels[k] for k in kept), self.sites.only(kept))

    def of_torso(self, values: np.ndarray) -> np.ndarray:
        """Values at the electrodes [electrode, ...] of those at the torso's nodes [node, ...]."""
        corners = np.asarray(values)[self.sites.vertices]
        return np.einsum("ek,ek...->e...", self.sites.weights, corners)

    def interpolation(self, n_nodes: int) -> sp.csr_array:
        """`of_torso` as a matrix: [electrode, torso node]."""
        return sparse_rows(self.sites.vertices, self.sites.weights, n_nodes)

    @classmethod
    def at_nodes(cls, channels: tuple[str, ...], nodes: np.ndarray) -> "MeasuredElectrodes":
        """Electrodes at nodes of the torso, from 0: [electrode]."""
        weights = np.tile([1.0, 0.0, 0.0], (len(nodes), 1))
        return cls(channels, SkinPoints(np.repeat(np.asarray(nodes)[:, None], 3, axis=1), weights))


def read_electrodes(
    path: str | Path, torso: MeasuredSurface, unit: str = "mm"
) -> MeasuredElectrodes:
    """Read the electrodes; formats as above.

    Args:
        path: .channels, .leadlinks, .pts or .csv.
        torso: on which they lie.
        unit: of places: mm, cm, m or um.

    Raises:
        BadInput: missing, unreadable, an unknown suffix, nodes that the torso does not have, places
            off the skin, a node or channel that occurs twice.
    """
    path = Path(path)
    electrodes = by_suffix(path, READERS)(path, torso, unit)
    check.unique(f"{path}: channels", electrodes.channels)
    if len(electrodes) < 3:
        raise BadInput(
            f"{path}: {len(electrodes)} electrodes; at least 3 are needed, is the file complete?"
        )
    return electrodes


def at_all_nodes(
    torso: MeasuredSurface, recording: ChannelRecording, rows: tuple[int, int] | None = None
) -> MeasuredElectrodes:
    """An electrode at each node of the torso, in the order of the recording's rows.

    Args:
        torso: whose nodes in the file are electrodes.
        recording: of them.
        rows: first and last row of the electrodes, from 1; None: all.

    Raises:
        BadInput: not as many rows as nodes: the leads have no place.
    """
    n, (n_rows, n_samples) = torso.n_of_file, recording.potentials.shape
    nodes = MeasuredElectrodes.at_nodes(tuple(map(str, range(1, n + 1))), np.arange(n))
    if rows is None and n != n_rows:
        turned = "; is the signal [time, channel]? Save its transpose" if n_samples == n else ""
        raise BadInput(
            f"{recording.name}: {n_rows} leads have no place: no file of electrodes is given, and "
            f"the torso has {n} nodes{turned}; state their places by --electrodes, their rows by "
            "--rows, or take the surface whose nodes they are as the torso"
        )
    return in_rows(nodes, recording, rows or (1, n))


def in_rows(
    electrodes: MeasuredElectrodes, recording: ChannelRecording, rows: tuple[int, int] | None
) -> MeasuredElectrodes:
    """Electrodes numbered 1, 2, ... with the channels of some rows instead.

    Args:
        electrodes: those with names keep them unless `rows` are stated.
        recording: whose channels they are.
        rows: first and last row of the electrodes, from 1; None: all rows of the recording.

    Raises:
        BadInput: not as many rows as electrodes.
    """
    n, n_rows = len(electrodes), len(recording.channels)
    if rows is None and electrodes.channels != tuple(map(str, range(1, n + 1))):
        return electrodes
    first, last = rows or (1, n_rows)
    if not 1 <= first <= last <= n_rows or last - first + 1 != n:
        raise BadInput(
            f"{recording.name}: rows {first} to {last} of {n_rows} for {n} electrodes: which rows "
            f"are electrodes? State them as 1-{n}, or name channels in a .channels or .csv file"
        )
    return MeasuredElectrodes(recording.channels[first - 1 : last], electrodes.sites)


def read_channel_nodes(path: str | Path, n_nodes: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Channels and their nodes, from 0, of a .channels or .leadlinks file.

    Raises:
        BadInput: not pairs of numbers, or nodes that a surface of `n_nodes` nodes does not have.
    """
    path = Path(path)
    pairs = read_numbers(path, 2).astype(np.int64)
    nodes, rows = pairs.T if path.suffix.lower() == ".channels" else pairs.T[::-1]
    return tuple(map(str, rows)), _from_zero(path, nodes, n_nodes)


def _of_pairs(path: Path, torso: MeasuredSurface, unit: str) -> MeasuredElectrodes:
    return MeasuredElectrodes.at_nodes(*read_channel_nodes(path, len(torso.points)))


def _of_pts(path: Path, torso: MeasuredSurface, unit: str) -> MeasuredElectrodes:
    places = read_numbers(path, 3)
    return _on_skin(path, tuple(map(str, range(1, len(places) + 1))), places, torso, unit)


def _of_csv(path: Path, torso: MeasuredSurface, unit: str) -> MeasuredElectrodes:
    lines = read_csv(path)
    if not lines or "node" not in lines[0]:
        places = read_points(path)
        return _on_skin(path, tuple(places), np.stack([*places.values()]), torso, unit)
    try:
        names = tuple(line["name"] for line in lines)
        nodes = np.array([int(line["node"]) for line in lines])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path}: a line is name,node or name,x,y,z; correct it ({error})"
        ) from error
    return MeasuredElectrodes.at_nodes(names, _from_zero(path, nodes, len(torso.points)))


READERS: dict[str, Callable[[Path, MeasuredSurface, str], MeasuredElectrodes]] = {
    ".channels": _of_pairs,
    ".leadlinks": _of_pairs,
    ".pts": _of_pts,
    ".csv": _of_csv,
}


def _from_zero(path: Path, nodes: np.ndarray, n_nodes: int) -> np.ndarray:
    """Nodes from 0, checked, of nodes from 1."""
    if len(nodes) and (nodes.min() < 1 or nodes.max() > n_nodes):
        hint = "; do they count from 0?" if nodes.min() == 0 else "; of another mesh?"
        raise BadInput(f"{path}: nodes {nodes.min()} to {nodes.max()}, but they count from 1 and "
                       f"there are {n_nodes}{hint}")  # fmt: skip
    if len(np.unique(nodes)) < len(nodes):
        raise BadInput(f"{path}: a node occurs twice; keep one of its lines")
    return nodes - 1


def _on_skin(
    path: Path, names: tuple[str, ...], places: np.ndarray, torso: MeasuredSurface, unit: str
) -> MeasuredElectrodes:
    """Electrodes at places in `unit`, each at the nearest place of the skin."""
    places = places * MM[unit]
    sites = attach(torso.points, torso.faces, places)
    off = np.linalg.norm(sites.on(torso.points) - places, axis=1)
    if (off > FAR_MM).any():
        k = int(off.argmax())
        # the share of the torso's box that they would fill in millimetres
        size = np.ptp(places, axis=0).max() / np.ptp(torso.points, axis=0).max() / MM[unit]
        fits = [name for name, mm in MM.items() if name != unit and 0.2 < size * mm < 1.1]
        raise BadInput(
            f"{path}: {(off > FAR_MM).sum()} of {len(off)} electrodes are more than {FAR_MM:g} mm "
            f"off the torso (electrode {names[k]} {off[k]:.0f} mm): "
            + (f"are they in {' or '.join(fits)}?" if fits else "another frame or torso?")
        )
    return MeasuredElectrodes(names, sites)
