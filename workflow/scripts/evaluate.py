"""Errors of all encoders and models on the test patients."""

from einthoven.app.evaluation.audit import cohort_audit
from einthoven.app.evaluation.evaluate import PseudoLeadField, by_method, evaluate, imported_rows
from einthoven.app.evaluation.tables import encoder_rows
from einthoven.app.run.job import run
from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples


def main(input, output, params, log):
    sigma = LeadFieldSettings.model_validate(params.conductivity).sigma_torso_s_per_m
    pseudo = PseudoLeadField.fitted(map(FieldSamples.load, input.train), sigma)
    patients = Patient.group([*input.patients, *input.leadfield])
    found = evaluate(patients, by_method(input.predictions), pseudo, params.gradient)
    more = {"encoders": encoder_rows(input.chamfer), "excluded_patients": params.dataset["exclude"]}
    more["ecg_audit"] = cohort_audit(Patient.group(input.patients), input.cohort)
    if input.imported:
        imported = Patient.group([*input.imported, *input.imported_leadfield])
        predictions = by_method(input.imported_predictions)
        settings = pseudo, params.gradient, input.imported_chamfer
        more["imported"] = imported_rows(imported, predictions, *settings)
    found.save(output.metrics, output.curves, **more)
    log.info("%d test patients", len(found.metrics["patients"]))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
