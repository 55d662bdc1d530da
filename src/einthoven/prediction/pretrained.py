"""A trained pair of encoder and surrogate in one folder, with a card of where it comes from.

`data/` beside this file holds the pair that is shipped; `tools/ship_model.py` packs it from a
finished run. All tensors are safetensors files, so that nothing is executed by loading.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from einthoven.config import Config, validate
from einthoven.core.errors import BadInput
from einthoven.core.files import read_json, write_json
from einthoven.encoders.base import LATENTS_FILE, MODEL_FILE, Latents
from einthoven.encoders.deepsdf.encoder import VALIDATION_FILE, DeepSdfEncoder
from einthoven.surrogate.ensemble import UNCERTAINTY_FILE, Surrogate, member_files
from einthoven.training.tensors import load_model

SHIPPED = Path(__file__).parent / "data"
CARD_FILE = "card.json"
ENCODER = "deepsdf"


@dataclass(frozen=True)
class Pretrained:
    """Encoder, surrogate and card.

    Attributes:
        folder: where they lie.
        encoder: with the codes of its training patients.
        surrogate: one network or an ensemble.
        card: `config` of the data set, `training`, `validation`, `test`, as `pack` found them.
    """

    folder: Path
    encoder: DeepSdfEncoder
    surrogate: Surrogate
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: str | Path = SHIPPED) -> Self:
        """The shipped model, or one that `pack` wrote elsewhere.

        Raises:
            BadInput: no model there, or files that are damaged or of another version.
        """
        folder = Path(folder)
        if not (folder / CARD_FILE).exists():
            raise BadInput(f"{folder}: no packed model; python tools/ship_model.py RESULTS")
        card = read_json(folder / CARD_FILE)
        encoder = DeepSdfEncoder.load(folder / "encoder")
        return cls(folder, encoder, Surrogate.of_folder(folder / "surrogate", card["model"]), card)

    @property
    def config(self) -> Config:
        """Settings of the data set that it was trained on: conductivities, meshes, time axis."""
        return validate(self.card["config"])


def pack(
    results: str | Path,
    folder: str | Path,
    model: str = "refraction",
    config: Mapping[str, Any] | None = None,
) -> Pretrained:
    """Copy the trained pair of a finished run, and write its card.

    Args:
        results: of the run.
        folder: new, empty, or with a packed model, which is replaced.
        model: refraction or mlp; its encoder is deepsdf, the only one that decodes.
        config: of the data set; None: what the run's store says.

    Raises:
        BadInput: a file is missing or does not load.
    """
    results, folder = Path(results), Path(folder)
    encoder = results / "encoders" / ENCODER
    surrogate = results / "surrogates" / f"{ENCODER}-{model}"
    card = _card(results, encoder, surrogate, model, config or _config(results))
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD_FILE).exists():
        raise BadInput(f"{folder}: is not empty and holds no packed model; take another folder")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "encoder").mkdir(parents=True)
    for name in (MODEL_FILE, VALIDATION_FILE):
        shutil.copyfile(encoder / name, folder / "encoder" / name)
    train = Latents.load(encoder / LATENTS_FILE)
    kept = [k for k, split in enumerate(train.split) if split == "train"]
    names = tuple(train.patient[k] for k in kept)
    Latents(names, ("train",) * len(kept), train.latent[kept]).save(
        folder / f"encoder/{LATENTS_FILE}"
    )
    files = [*member_files(surrogate), surrogate / UNCERTAINTY_FILE]
    for file in (file for file in files if file.exists()):
        target = folder / "surrogate" / file.relative_to(surrogate)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    write_json(folder / CARD_FILE, card)
    return Pretrained.load(folder)


def _config(results: Path) -> dict[str, Any]:
    """Settings of the data set, from the run's store."""
    from einthoven.dataset.store import open_store

    with open_store(results / "dataset/einthoven.zarr.zip") as root:
        return json.loads(str(root.attrs["config"]))


def _card(
    results: Path, encoder: Path, surrogate: Path, model: str, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Where the pair comes from and what it can do, from the files of the run."""
    metrics = read_json(results / "report/metrics.json")
    method = f"{ENCODER}-{model}"
    if method not in metrics["methods"]:
        raise BadInput(f"{results}/report/metrics.json: has no {method}; learning.models?")
    about = {"encoder": load_model(encoder / MODEL_FILE, ENCODER)[1],
             "surrogate": load_model(surrogate / MODEL_FILE, model)[1]}  # fmt: skip
    header, *rows = (surrogate / "curve.csv").read_text().splitlines()
    last = dict(zip(header.split(","), rows[-1].split(",")))
    splits = Latents.load(encoder / LATENTS_FILE).split
    wanted = ("pseudo", "pseudo-scaled", f"{ENCODER}-mlp", method)
    return {
        "model": model,
        "config": dict(config),
        "training": about,
        "n_patients": {name: splits.count(name) for name in ("train", "val", "test")},
        "n_members": len(member_files(surrogate)),
        "validation": {
            "near_surface_mm": read_json(encoder / VALIDATION_FILE)["near_surface_mm"],
            **{key: float(value) for key, value in last.items() if value},
        },
        "test": {
            "methods": {
                name: {k: v for k, v in row.items() if isinstance(v, dict) and "mean" in v}
                for name, row in metrics["methods"].items() if name in wanted
            },
            "chamfer": {k: v for k, v in metrics["encoders"][ENCODER].items() if "mean" in v},
        },
    }  # fmt: skip
