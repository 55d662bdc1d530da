"""A submission: a folder with card.json and one PATIENT.npz for every test patient.

Any program can write it: `numpy.savez(folder / "p0003.npz", electrodes=names, grad=grad)`. Reading
executes no code, and an array is read only after its header has the expected size.
"""

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.app.evaluation.benchmark.task import FRAME, UNITS, BenchmarkTask, HeartField
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, save_arrays, write_json
from einthoven.base.core.names import STANDARD_ELECTRODES

FORMAT, VERSION, CARD = "einthoven-submission", 1, "card.json"
NEEDED, OPTIONAL = ("electrodes", "grad"), ("cell_grad", "__attrs__")
MAX_RATIO = 30.0
"""Largest ratio of median lengths, predicted to true or inverse; beyond it the unit is another."""
MAX_CARD_BYTES = 100_000
N_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Card:
    """Content of card.json: the method and its data set.

    Attributes:
        name: of the method, as in the table.
        dataset: seal of the store that it was made for (`BenchmarkTask.seal`).
        authors, description, code: who, what, where (an address, or empty).
        trained_on: splits whose gradients were used for weights; validation may guide choices.
        inputs: inputs of a prediction, in words.
        n_parameters: number of trained parameters; 0 for a formula. seeds: of the trainings.
        train_seconds: processor time, for all networks of a prediction.
        hardware: hardware of the training.
        units, frame, format, format_version: fixed values.
    """

    name: str
    dataset: str
    authors: list[str]
    description: str = ""
    code: str = ""
    trained_on: list[str] = field(default_factory=lambda: ["train"])
    inputs: str = ""
    n_parameters: int = 0
    seeds: list[int] = field(default_factory=list)
    train_seconds: float = 0.0
    hardware: str = ""
    units: str = UNITS
    frame: str = FRAME
    format: str = FORMAT
    format_version: int = VERSION

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read card.json.

        Raises:
            BadInput: missing, too large, not a card, from another version, or a key is wrong.
        """
        if not path.is_file():
            raise BadInput(f"{path}: no such file; a submission is a folder with {CARD} and one "
                           "PATIENT.npz for every test patient")  # fmt: skip
        if path.stat().st_size > MAX_CARD_BYTES:
            raise BadInput(f"{path}: {path.stat().st_size} bytes; a card is a short text")
        data = read_json(path)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BadInput(f"{path}: format is not {FORMAT!r}; a foreign file?")
        if data.get("format_version") != VERSION:
            raise BadInput(f"{path}: format_version {data.get('format_version')}, this einthoven "
                           f"reads {VERSION}")  # fmt: skip
        known = {f.name: f.default for f in fields(cls)}
        if unknown := sorted(data.keys() - known.keys()):
            raise BadInput(f"{path}: unknown key {', '.join(unknown)}")
        card = _of_types(cls, data, path)
        for key, due in (("units", UNITS), ("frame", FRAME)):
            if getattr(card, key) != due:
                raise BadInput(f"{path}: {key} {getattr(card, key)!r}, expected {due!r}: "
                               "convert the gradients and correct the card")  # fmt: skip
        if wrong := sorted(set(card.trained_on) - {"train", "val"}):
            raise BadInput(f"{path}: trained_on {', '.join(wrong)}: only train and val may be")
        return card

    def save(self, folder: Path) -> None:
        """Write card.json into a folder."""
        write_json(folder / CARD, asdict(self))


def _of_types(kind: type[Card], data: Mapping[str, Any], path: Path) -> Any:
    """A card whose values have the right types.

    Raises:
        BadInput: a key is missing, or has another type.
    """
    kinds = {str: str, int: int, float: (int, float), list[str]: list, list[int]: list}
    for f in fields(kind):
        if f.name in data and not isinstance(data[f.name], kinds[f.type]):  # type: ignore[index,arg-type]
            raise BadInput(f"{path}: {f.name}: {data[f.name]!r} is of the wrong type")
    try:
        return kind(**data)
    except TypeError as error:
        raise BadInput(f"{path}: {error.args[0].partition('missing ')[2]} is missing") from error


@dataclass(frozen=True)
class Submission:
    """A submission to the benchmark: a folder with a card and predicted gradients of each patient.

    Attributes:
        folder: its path. card: its card.
    """

    folder: Path
    card: Card

    @classmethod
    def begin(cls, folder: str | Path, benchmark: BenchmarkTask, **about: Any) -> Self:
        """Write the card of a new one; `about` are attributes of `Card` besides `dataset`."""
        card = Card(dataset=benchmark.seal, **about)
        card.save(Path(folder))
        return cls(Path(folder), card)

    def add(self, field: HeartField, grad: np.ndarray, cell_grad: np.ndarray | None = None) -> None:
        """Write one patient's file.

        Args:
            field: the patient's points and electrodes (`BenchmarkTask.field`).
            grad: [electrode, heart point, 3] kOhm/mm, patient frame.
            cell_grad: [standard electrode, heart cell, 3] kOhm/mm, for the score of the ECG.
        """
        arrays: dict[str, Any] = {"electrodes": np.array(field.electrodes)}
        arrays["grad"] = np.asarray(grad, np.float32)
        if cell_grad is not None:
            arrays["cell_grad"] = np.asarray(cell_grad, np.float32)
        save_arrays(self.folder / f"{field.patient}.npz", arrays)

    @classmethod
    def open(cls, folder: str | Path, benchmark: BenchmarkTask) -> Self:
        """Check everything that needs no array.

        Raises:
            BadInput: no card; made for other data; a patient is missing, not of split test or
                unknown; a file that does not belong there.
        """
        folder = Path(folder)
        card = Card.read(folder / CARD)
        if card.dataset != benchmark.seal:
            raise BadInput(
                f"{folder / CARD}: dataset {card.dataset[:12]}..., but the seal of "
                f"{benchmark.store} is {benchmark.seal[:12]}...: made for other data?"
            )
        due = set(benchmark.patients("test"))
        files = {p.name for p in folder.iterdir()} - {CARD}
        named = {name.removesuffix(".npz") for name in files if name.endswith(".npz")}
        if seen := sorted(name for name in named - due if name in benchmark.splits):
            split = benchmark.splits[seen[0]]
            raise BadInput(f"{folder}: {_few(seen)}: of split {split}; only test is scored")
        if foreign := sorted(files - {f"{name}.npz" for name in due}):
            raise BadInput(f"{folder}: {_few(foreign)}: does not belong in a submission")
        if missing := sorted(due - named):
            raise BadInput(f"{folder}: {_few(missing)}: no prediction of {len(missing)} of "
                           f"{len(due)} test patients")  # fmt: skip
        return cls(folder, card)

    def grad(self, field: HeartField) -> np.ndarray:
        """Predicted gradients of a patient: [electrode, heart point, 3] kOhm/mm.

        Raises:
            BadInput: not readable, other electrodes, another shape, NaN, or another unit.
        """
        path = self.folder / f"{field.patient}.npz"
        shape = (len(field.electrodes), len(field.points), 3)
        arrays = _read(path, {"grad": shape, "electrodes": shape[:1]})
        names = arrays["electrodes"].tolist()
        if names != list(field.electrodes):
            k = next(k for k, pair in enumerate(zip(names, field.electrodes)) if len({*pair}) > 1)
            raise BadInput(f"{path}: electrodes[{k}] is {names[k]!r}, the data set has "
                           f"{field.electrodes[k]!r} there; another order?")  # fmt: skip
        grad = arrays["grad"].astype(np.float64)
        lengths = [np.median(np.linalg.norm(g, axis=-1)) for g in (grad, field.grad)]
        if not 1 / MAX_RATIO < lengths[0] / lengths[1] < MAX_RATIO:
            raise BadInput(f"{path}: grad: median length {lengths[0]:.3g}, of the truth "
                           f"{lengths[1]:.3g} {UNITS}: another unit?")  # fmt: skip
        return grad

    def has_cells(self, patient: str) -> bool:
        """Whether gradients at the cells of the mesh are given, from which an ECG follows."""
        return "cell_grad" in _shapes(self.folder / f"{patient}.npz")

    def cell_grad(self, patient: str, n_cells: int) -> np.ndarray:
        """Predicted gradients at all cells of the heart: [standard electrode, heart cell, 3].

        Raises:
            BadInput: not readable, another shape, NaN.
        """
        path = self.folder / f"{patient}.npz"
        shape = (len(STANDARD_ELECTRODES), n_cells, 3)
        return _read(path, {"cell_grad": shape})["cell_grad"].astype(np.float64)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return ", ".join(names[:N_NAMED]) + more


def _shapes(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> shape and kind of dtype of the arrays of a file, from their headers alone.

    Raises:
        BadInput: not an .npz file, or arrays that hold objects.
    """
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    version = np.lib.format.read_magic(member)
                    read = {(1, 0): np.lib.format.read_array_header_1_0,
                            (2, 0): np.lib.format.read_array_header_2_0}[version]  # fmt: skip
                    shape, _, dtype = read(member)
                found[name.removesuffix(".npy")] = (shape, dtype.kind)
    except Exception as error:  # zipfile and numpy raise many types for broken archives
        raise BadInput(f"{path}: not a readable .npz ({error}); incomplete?") from error
    return found


def _read(path: Path, due: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Some arrays of a file, after their headers were compared with the expected shapes.

    Raises:
        BadInput: names array, shape and what is wrong.
    """
    shapes = _shapes(path)
    _raise_if_unknown(path, shapes)
    for name, shape in due.items():
        if name not in shapes:
            raise BadInput(f"{path}: lacks {name}")
        found, kind = shapes[name]
        if kind not in ("U" if name == "electrodes" else "f"):
            raise BadInput(f"{path}: {name}: dtype of kind {kind!r}; floats, or names as text")
        if found != shape:
            raise BadInput(f"{path}: {name}: shape {found}, expected {shape}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in due}
    except Exception as error:  # damaged after its headers
        raise BadInput(f"{path}: not readable ({error})") from error
    for name, values in arrays.items():
        if values.dtype.kind == "f":
            check.finite(f"{path}: {name}", values)
    return arrays


def _raise_if_unknown(path: Path, names: Iterable[str]) -> None:
    """Raise BadInput for an array that no submission has."""
    if unknown := sorted(set(names) - {*NEEDED, *OPTIONAL}):
        raise BadInput(f"{path}: unknown array {_few(unknown)}; {', '.join(NEEDED)} are expected")
