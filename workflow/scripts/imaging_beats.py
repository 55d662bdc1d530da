"""Beats of drawn people on one body, for networks that image from the ECG."""

from einthoven.app.run.job import run
from einthoven.base.config import Config
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs.lead_fields import lead_fields_of
from einthoven.imaging.twin.beats_on_body import beats_on_body


def main(input, output, params, log):
    patient = Patient.of_files(**dict(input.items()))
    leadfield = params.conductivity | {"gradient": params.gradient}
    config = Config.model_validate(
        {"activation": params.activation, "leadfield": leadfield,
         "repolarisation": {"smoothing_mm": params.smoothing_mm}}
    )  # fmt: skip
    fields = lead_fields_of(patient, config.leadfield, [params.forward])
    heart = Simulator.of(patient, fields, config.activation, params.smoothing_mm)
    found = beats_on_body(heart, fields[params.forward], config, params.n, params.seed)
    found.save(output[0])
    log.info("%d beats, QRS %.3f at least", params.n, min(b.qrs_correlation for b in found.beats))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
