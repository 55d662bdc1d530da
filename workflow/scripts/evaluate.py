"""Errors of all encoders and models on the test patients."""

from functools import partial
from pathlib import Path

from einthoven.config.models import Leadfield
from einthoven.core.files import read_json, write_json
from einthoven.evaluation.evaluate import evaluate, pseudo_gain
from einthoven.evaluation.imported import imported_rows
from einthoven.evaluation.tables import encoder_rows
from einthoven.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.run.job import run


def imported_patients(input, pseudo, gain, gradient):
    """Rows of imported patients, with what their decoded surfaces are off."""
    folders = list(dict.fromkeys(Path(path).parent for path in input.imported))
    fields = {f: [p for p in input.imported_leadfield if Path(p).parent == f] for f in folders}
    predictions = {}
    for path in map(Path, input.imported_predictions):
        predictions.setdefault(path.parent.name, {})[path.stem] = path
    rows = imported_rows(fields, predictions, pseudo, gain, gradient)
    return rows | {"chamfer": [read_json(p) | {"encoder": Path(p).parents[1].name}
                               for p in input.imported_chamfer]}  # fmt: skip


def main(input, output, params, log):
    folders = list(dict.fromkeys(Path(path).parent for path in input.patients))
    leadfields = [[p for p in input.leadfield if Path(p).parent == f] for f in folders]
    predictions = {}
    for path in map(Path, input.predictions):
        predictions.setdefault(path.parent.name, {})[path.stem] = path
    by_method = {m: [found[f.name] for f in folders] for m, found in predictions.items()}
    sigma = Leadfield.model_validate(params.conductivity).sigma_torso_s_per_m
    pseudo = partial(pseudo_lead_field_grad, sigma_torso=sigma)
    gain = pseudo_gain(input.train, pseudo)
    encoders = encoder_rows(map(Path, input.chamfer))
    evaluate(folders, leadfields, by_method, pseudo, gain, output.metrics, output.curves, encoders,
             params.gradient)  # fmt: skip
    metrics = read_json(output.metrics)
    if input.imported:
        metrics["imported"] = imported_patients(input, pseudo, gain, params.gradient)
    metrics["excluded_patients"] = params.dataset["exclude"]
    write_json(output.metrics, metrics)
    log.info("%d test patients, %d methods", len(folders), len(by_method))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
