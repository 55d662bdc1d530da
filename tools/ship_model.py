"""Pack a trained model: an operator as the shipped one, with its card, or a run's coded pair.

Usage: python tools/ship_model.py FOLDER --config FILE --figures JSON [--to FOLDER]
       python tools/ship_model.py RESULTS --model refraction --to FOLDER [--config FILE]

FOLDER is a trained operator (results/surrogates/operator, or what `studies/any_body.py --out`
wrote), `--config` that of its data set, `--figures` what `studies/any_body.py --json` wrote.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import stdev
from typing import Any

from einthoven.base.config import as_params, load
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic, read_json, write_json
from einthoven.body.imported.sheet import VIRTUAL
from einthoven.data.dataset.store import open_store
from einthoven.learning.encoders.base import LATENTS_FILE, MODEL_FILE, Latents
from einthoven.learning.encoders.deepsdf.encoder import VALIDATION_FILE
from einthoven.learning.prediction.pretrained import (
    CARD_FILE,
    KINDS,
    SHIPPED,
    SURROGATE,
    Pretrained,
)
from einthoven.learning.surrogate.members import UNCERTAINTY_FILE, member_files
from einthoven.numerics.training.tensors import load_model

ENCODER = "deepsdf"
CARD = Path(__file__).resolve().parent.parent / "docs/reference/model-card.md"
BEGIN, END = "<!-- shipped model: begin -->\n", "<!-- shipped model: end -->\n"
LIMIT_MB = 8.0
"""Size that a repository can carry."""
COLUMNS = {
    "pseudo_angle_deg": ("pseudo lead field (°)", 1),
    "torso_angle_deg": ("torso without heart (°)", 1),
    "angle_deg": ("operator (°)", 2),
    "precordial_deg": ("V1 to V6 (°)", 2),
    "rel": ("rel. error", 3),
    "ecg_rel_l2": ("sinus ECG (rel. ℓ2)", 3),
    "coverage_90": ("within the stated 90 %", 2),
    "in_distribution": ("in distribution", 2),
}
"""Key of the figures -> title and digits; what was measured on nobody has no column."""


def pack_operator(
    source: Path, folder: Path, config: Mapping[str, Any], figures: Mapping[str, Any]
) -> Pretrained:
    """Copy a trained operator, and write its card.

    Args:
        source: model.safetensors, member1/model.safetensors ..., curve.csv, uncertainty.json.
        folder: new, empty, or with a packed model, which is replaced.
        config: of the data set.
        figures: `patients`: name -> errors of one that nothing was learned of, and `n_train`.

    Raises:
        BadInput: a file is missing or does not load, or `folder` holds something else.
    """
    about = load_model(source / MODEL_FILE, "operator")[1]
    uncertainty = source / UNCERTAINTY_FILE
    card = {
        "model": "operator",
        "config": dict(config),
        "training": about,
        "n_members": len(member_files(source)),
        "validation": _last_row(source / "curve.csv"),
        "uncertainty": read_json(uncertainty) if uncertainty.exists() else None,
        "figures": {"n_train": figures["n_train"], "patients": dict(figures["patients"])},
    }
    _empty(folder)
    _copy_networks(source, folder)
    write_json(folder / CARD_FILE, card)
    return Pretrained.load(folder)


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
    _empty(folder)
    (folder / "encoder").mkdir(parents=True)
    for name in (MODEL_FILE, VALIDATION_FILE):
        shutil.copyfile(encoder / name, folder / "encoder" / name)
    train = Latents.load(encoder / LATENTS_FILE)
    kept = [k for k, split in enumerate(train.split) if split == "train"]
    names = tuple(train.patient[k] for k in kept)
    Latents(names, ("train",) * len(kept), train.latent[kept]).save(
        folder / f"encoder/{LATENTS_FILE}"
    )
    _copy_networks(surrogate, folder)
    write_json(folder / CARD_FILE, card)
    return Pretrained.load(folder)


def _empty(folder: Path) -> None:
    """Remove a packed model, and nothing else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD_FILE).exists():
        raise BadInput(f"{folder}: is not empty and holds no packed model; take another folder")
    shutil.rmtree(folder, ignore_errors=True)


def _copy_networks(source: Path, folder: Path) -> None:
    """All networks of a folder and their calibration."""
    files = [*member_files(source), source / UNCERTAINTY_FILE]
    for file in (file for file in files if file.exists()):
        target = folder / SURROGATE / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _last_row(curve: Path) -> dict[str, float]:
    """The end of a training."""
    header, *rows = curve.read_text().splitlines()
    last = zip(header.split(","), rows[-1].split(","))
    return {key: float(value) for key, value in last if value}


def _config(results: Path) -> dict[str, Any]:
    """Settings of the data set, from the run's store."""
    with open_store(results / "dataset/einthoven.zarr.zip") as root:
        return json.loads(str(root.attrs["config"]))


def _card(
    results: Path, encoder: Path, surrogate: Path, model: str, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Origin and accuracy of the pair, from the files of the run."""
    metrics = read_json(results / "report/metrics.json")
    method = f"{ENCODER}-{model}"
    if method not in metrics["methods"]:
        raise BadInput(f"{results}/report/metrics.json: has no {method}; learning.models?")
    about = {"encoder": load_model(encoder / MODEL_FILE, ENCODER)[1],
             "surrogate": load_model(surrogate / MODEL_FILE, model)[1]}  # fmt: skip
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
            **_last_row(surrogate / "curve.csv"),
        },
        "test": {
            "methods": {
                name: {k: v for k, v in row.items() if isinstance(v, dict) and "mean" in v}
                for name, row in metrics["methods"].items() if name in wanted
            },
            "chamfer": {k: v for k, v in metrics["encoders"][ENCODER].items() if "mean" in v},
        },
    }  # fmt: skip


def size_mb(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def section(model: Pretrained) -> str:
    """The generated part of the model card, of an operator."""
    card, figures = model.card, model.card["figures"]
    training, settings, members = card["training"], card["training"]["config"], card["n_members"]
    drawn = [name for name in figures["patients"] if VIRTUAL.match(name)]
    others = [name for name in figures["patients"] if name not in drawn]
    measured = set().union(*figures["patients"].values())
    columns = {key: of for key, of in COLUMNS.items() if key in measured}
    groups = {f"{len(drawn)} virtual bodies": drawn} | {name: [name] for name in others}
    networks = "one network" if members == 1 else f"the mean of {members} networks"
    data, weights = (training[f"{of}_sha256"][:12] for of in ("data", "tensors"))
    lines = [
        f"The model in `src/einthoven/learning/prediction/data` ({size_mb(model.folder):.1f} MB): "
        f"an operator on the incident field, {networks} of width {settings['width']} and rank "
        f"{settings['rank']}, {settings['epochs']} epochs, trained on {figures['n_train']} virtual "
        f"bodies of the wide family (`config/any_body.yaml`). einthoven {training['version']}, "
        f"data `{data}`, weights `{weights}`.",
        "",
        "On bodies that nothing was learned of, against finite elements on their own meshes, at "
        "the field samples in the myocardium (mean ± SD over bodies):",
        "",
        f"| bodies | {' | '.join(title for title, _ in columns.values())} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for title, names in groups.items():
        rows = [figures["patients"][name] for name in names]
        cells = [spread([row[key] for row in rows if key in row], digits)
                 for key, (_, digits) in columns.items()]  # fmt: skip
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def spread(values: list[float], digits: int) -> str:
    """Mean and SD over patients, the value of a single one, or a dash."""
    if not values:
        return "–"
    mean = f"{sum(values) / len(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {stdev(values):.{digits}f}"


def write_card(model: Pretrained, path: Path) -> None:
    """Replace what is between the markers of the card."""
    text = path.read_text()
    if BEGIN not in text or END not in text:
        raise BadInput(f"{path}: has no markers {BEGIN.strip()} and {END.strip()}")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    with atomic(path) as aside:
        aside.write_text(f"{before}{BEGIN}{section(model)}{END}{after}")


def main() -> None:
    """Pack, check the size, write the card of what is shipped."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("source", type=Path)
    add("--model", default="operator", choices=list(KINDS))
    add("--config", help="of the data set; default, of a run with a store: the store's")
    add("--figures", type=Path, help="of an operator: what studies/any_body.py --json wrote")
    add("--to", type=Path, default=SHIPPED)
    options = parser.parse_args()
    config = as_params(load(options.config)) if options.config else None
    if options.model != "operator":
        model = pack(options.source, options.to, options.model, config)
    elif config is None or options.figures is None:
        raise BadInput("an operator needs --config and --figures")
    else:
        model = pack_operator(options.source, options.to, config, read_json(options.figures))
    size = size_mb(model.folder)
    if size > LIMIT_MB:
        raise BadInput(f"{model.folder}: {size:.1f} MB, at most {LIMIT_MB:g}; fewer members?")
    if options.to == SHIPPED:
        write_card(model, CARD)
    print(f"{model.folder}: {size:.1f} MB")


if __name__ == "__main__":
    main()
