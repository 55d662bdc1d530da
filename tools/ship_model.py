"""Pack the trained pair of a finished run as the shipped model, and write its card.

Usage: python tools/ship_model.py [RESULTS] [--model refraction] [--config FILE] [--to FOLDER]
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from einthoven.config import as_params, load
from einthoven.core.atomic import atomic
from einthoven.core.errors import BadInput
from einthoven.core.files import read_json, write_json
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.core.tags import SDF_SURFACES
from einthoven.dataset.store import open_store
from einthoven.encoders.base import LATENTS_FILE, MODEL_FILE, Latents
from einthoven.encoders.deepsdf.encoder import VALIDATION_FILE
from einthoven.prediction.pretrained import CARD_FILE, SHIPPED, Pretrained
from einthoven.surrogate.ensemble import UNCERTAINTY_FILE, member_files
from einthoven.training.tensors import load_model

ENCODER = "deepsdf"
CARD = Path(__file__).resolve().parent.parent / "docs/model-card.md"
BEGIN, END = "<!-- shipped model: begin -->\n", "<!-- shipped model: end -->\n"
LIMIT_MB = 8.0
"""What a repository can carry."""
ROWS = {
    "pseudo": "pseudo lead field, eq. (11)",
    "pseudo-scaled": "pseudo lead field, one fitted factor",
    "deepsdf-mlp": "published network",
}
COLUMNS = {
    "angular_error_deg": 2,
    "angular_error_precordial_deg": 2,
    "magnitude_error_rel": 3,
    "ecg_rel_l2": 4,
}
"""Key of metrics.json -> digits."""


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


def size_mb(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def spread(found: Mapping[str, float] | None, digits: int) -> str:
    """Mean and standard deviation over patients, or a dash."""
    if not found:
        return "–"
    return f"{found['mean']:.{digits}f} ± {found['std']:.{digits}f}"


def section(model: Pretrained) -> str:
    """The generated part of the model card."""
    card = model.card
    patients, test, config = card["n_patients"], card["test"]["methods"], card["config"]
    ours = test[f"deepsdf-{card['model']}"]
    n_test = ours["angular_error_deg"]["n_patients"]
    about = card["training"]["surrogate"]
    members = card["n_members"]
    networks = "one network" if members == 1 else f"the mean of {members} networks"
    torso = config["leadfield"]["sigma_torso_s_per_m"]
    grid = {"front": "on the front", "around": "on front, sides and back"}
    where = grid[config["anatomy"]["sites"]]
    n_electrodes = len(STANDARD_ELECTRODES) + config["electrodes"]["n_grid"]
    code, data, weights = (about[f"{of}_sha256"][:12] for of in ("source", "data", "tensors"))
    lines = [
        f"The model in `src/einthoven/prediction/data` ({size_mb(model.folder):.1f} MB): DeepSDF "
        f"code of {model.encoder.n_latent} numbers, model `{card['model']}`, {networks}, "
        f"{about['config']['epochs']} epochs.",
        "",
        f"Trained on {patients['train']} virtual patients (watched on {patients['val']}), hearts "
        f"of {config['mesh']['heart_edge_mm']:g} mm, coefficients within ± "
        f"{config['cohort']['range_sd']:g} SD, torso {torso:g} S/m, {n_electrodes} electrodes "
        f"{where}. einthoven "
        f"{about['version']}, code `{code}`, data `{data}`, weights `{weights}`.",
        "",
        f"On {n_test} test patients, against recovered finite-element gradients on their own "
        "meshes (mean ± SD over patients):",
        "",
        "| method | angle in the heart (°) | V1 to V6 (°) | magnitude (rel.) | ECG (rel. ℓ2) |",
        "|---|---|---|---|---|",
    ]
    rows = {**ROWS, f"deepsdf-{card['model']}": "**shipped model**"}
    for method, title in rows.items():
        if method in test:
            cells = [spread(test[method].get(key), digits) for key, digits in COLUMNS.items()]
            lines.append(f"| {title} | {' | '.join(cells)} |")
    usual, chamfer = card["validation"]["near_surface_mm"], card["test"]["chamfer"]
    decoded = ", ".join(
        f"{name} {spread(chamfer.get(f'chamfer_surface_{name}_mm'), 2)}" for name in SDF_SURFACES
    )
    near = ", ".join(f"{name} {usual[name]:.2f}" for name in SDF_SURFACES)
    lines += [
        "",
        f"Decoded surfaces of test patients, Chamfer distance in mm: {decoded}. Error of the "
        f"distances near the surfaces of validation patients in mm: {near}.",
        "",
    ]
    if "coverage_90" in ours:
        half, most, rank = (
            spread(ours[key], 2) for key in ("coverage_50", "coverage_90", "sd_rank_correlation")
        )
        lines += [
            f"Stated uncertainty on test patients: {half} of the errors lie within the stated "
            f"50 %, {most} within the stated 90 %; rank correlation of error and statement {rank}.",
            "",
        ]
    return "\n".join(lines)


def write_card(model: Pretrained, path: Path) -> None:
    """Replace what is between the markers of the card."""
    text = path.read_text()
    if BEGIN not in text or END not in text:
        raise BadInput(f"{path}: has no markers {BEGIN.strip()} and {END.strip()}")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    with atomic(path) as aside:
        aside.write_text(f"{before}{BEGIN}{section(model)}{END}{after}")


def main() -> None:
    """Pack, check the size, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", default="results")
    parser.add_argument("--model", default="refraction", choices=["refraction", "mlp"])
    parser.add_argument("--config", default="", help="of a run that has no store")
    parser.add_argument("--to", default=str(SHIPPED))
    parser.add_argument("--card", default=str(CARD))
    options = parser.parse_args()
    config = as_params(load(options.config)) if options.config else None
    model = pack(options.results, options.to, options.model, config)
    size = size_mb(model.folder)
    if size > LIMIT_MB:
        raise BadInput(f"{model.folder}: {size:.1f} MB, at most {LIMIT_MB:g}; fewer members?")
    write_card(model, Path(options.card))
    print(f"{model.folder}: {size:.1f} MB; {options.card}")


if __name__ == "__main__":
    main()
