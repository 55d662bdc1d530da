"""A filed transfer matrix: read, and checked against leads, heart and geometry.

Rows are the electrodes, in their order, or the nodes of the torso; columns are the nodes of the
heart. Values are ratios of potentials, so that they have no unit: the row of an electrode sums to
about 1, as a constant potential on a closed heart is the same constant on the body.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import by_suffix
from einthoven.inverse.measured.matlab import read_matlab_matrices
from einthoven.inverse.measured.tables import load_numpy

SIZES = 0.02, 50.0
"""Least and largest median over the rows of the sum of |A|; outside it has another unit."""
ALIKE = 0.3
"""Least median correlation of its rows with those of the geometry's matrix."""
FAR = 0.6
"""Relative difference from the geometry's matrix above which a note warns. Good matrices of one
measured geometry differ by 0.2 to 0.4."""


@dataclass(frozen=True)
class FiledTransfer:
    """A matrix of a file."""

    name: str
    """File and name, for messages."""
    matrix: np.ndarray
    """[electrode or torso node, heart node] 1, finite."""

    def at_electrodes(self, of_torso: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
        """Rows of the `n` electrodes: [electrode, node].

        `of_torso` takes values at the torso's nodes to the electrodes.
        """
        return self.matrix if len(self.matrix) == n else of_torso(self.matrix)


def read_transfer(
    path: str | Path, rows: tuple[int, ...], n_nodes: int, name: str = ""
) -> FiledTransfer:
    """Read a transfer matrix.

    Args:
        path: .mat, .npz (any names), .npy, or .csv or .txt (numbers only).
        rows: admissible numbers of rows: electrodes, and nodes of the torso.
        n_nodes: nodes of the heart.
        name: of the matrix in a file with several that fit; empty: the only one that fits.

    Raises:
        BadInput: missing or unreadable; no matrix of that shape, or several; a transposed one; NaN;
            another unit; all rows alike.
    """
    path = Path(path)
    found = by_suffix(path, READERS)(path)
    if name and name not in found:
        raise BadInput(f"{path}: no matrix {name!r}; it has {_listed(found)}; name one of these")
    tried = {name: found[name]} if name else found
    fits = {key: m for key, m in tried.items() if m.shape[1:] == (n_nodes,) and len(m) in rows}
    wanted = " or ".join(f"{n} x {n_nodes}" for n in dict.fromkeys(rows))
    if not fits:
        turned = [k for k, m in tried.items() if m.shape[0] == n_nodes and m.shape[1] in rows]
        cause = (f"{turned[0]} is [heart node, electrode]: save its transpose" if turned
                 else "is it of another heart, or of other leads?")  # fmt: skip
        raise BadInput(f"{path}: a transfer matrix here is {wanted} (electrodes or torso nodes x "
                       f"heart nodes), but the file has {_listed(tried)}; {cause}")  # fmt: skip
    if len(fits) > 1:
        raise BadInput(f"{path}: several matrices are {wanted}: {_listed(fits)}; name one by "
                       "--matrix")  # fmt: skip
    key, matrix = next(iter(fits.items()))
    where = f"{path}: transfer matrix {key}".rstrip()
    matrix = check.finite(where, matrix).astype(float)
    _raise_if_scaled(where, matrix)
    return FiledTransfer(where, matrix)


def _raise_if_scaled(where: str, matrix: np.ndarray) -> None:
    size, (low, high) = float(np.median(np.abs(matrix).sum(axis=1))), SIZES
    if not low <= size <= high:
        cause = "is it in another unit (1,000 or 1/1,000)?" if size > 0 else "is it empty?"
        raise BadInput(f"{where}: rows have a sum of {size:.3g} where potentials per potential "
                       f"have about 1 ({low:g} to {high:g}); {cause}")  # fmt: skip
    if not np.ptp(matrix, axis=0).max() > 1e-9 * size:
        raise BadInput(f"{where}: all rows are equal; was it saved before it was computed?")


def compared(name: str, filed: np.ndarray, computed: np.ndarray) -> str:
    """Note on a filed matrix [electrode, node] beside that of the geometry, of the same shape.

    Both are taken against the mean of the electrodes, so that the reference does not count.

    Raises:
        BadInput: its rows have little in common with those of the geometry.
    """
    one, other = (m - m.mean(axis=0) for m in (filed, computed))
    alike = float(np.median(_row_correlations(one, other)))
    if alike < ALIKE:
        turned = "transposed, or " if len(one) == one.shape[1] else ""
        raise BadInput(
            f"{name}: its rows correlate by {alike:.2f} (median) with those of the geometry, "
            f"where {ALIKE:g} is the least for one heart: is it {turned}in another order of "
            "electrodes or nodes than recording and surface, or of another geometry?"
        )
    off = float(np.linalg.norm(one - other) / np.linalg.norm(other))
    note = f"transfer matrix: as filed; {off:.2f} off that of the geometry by boundary elements"
    if off <= FAR:
        return note
    return f"{note}: far, WARNING: one of the two is wrong, or an open surface makes the difference"


def _row_correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Correlation of each row with the same row of the other matrix: [row]."""
    one, other = (m - m.mean(axis=1, keepdims=True) for m in (one, other))
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / np.maximum(norms, 1e-300)


def _listed(found: dict[str, np.ndarray]) -> str:
    shown = [f"{key} {' x '.join(map(str, m.shape))}".strip() for key, m in found.items()]
    return ", ".join(shown) or "no matrix"


def _of_numpy(path: Path) -> dict[str, np.ndarray]:
    return {key: m for key, m in load_numpy(path).items() if m.ndim == 2 and m.dtype.kind in "fiu"}


def _of_text(path: Path) -> dict[str, np.ndarray]:
    text = path.read_text(errors="replace").replace(",", " ").replace(";", " ")
    try:
        return {"": np.array([[float(word) for word in line.split()]
                              for line in text.splitlines() if line.strip()])}  # fmt: skip
    except ValueError as error:
        raise BadInput(f"{path}: not rows of equally many numbers; save it again ({error})") from (
            error
        )


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".mat": read_matlab_matrices, ".npz": _of_numpy, ".npy": _of_numpy, ".csv": _of_text,
    ".txt": _of_text,
}  # fmt: skip
