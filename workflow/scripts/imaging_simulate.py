"""Beats of one patient by all forward models: what imaging from the ECG learns from."""

from einthoven.app.run.job import run
from einthoven.base.config.electrophysiology import ActivationSettings, RepolarisationSettings
from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.mixed_cases import beats_to_simulate
from einthoven.imaging.corpus.recorder_noise import with_recorder_noise
from einthoven.imaging.corpus.simulations import Simulations
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs import lead_fields, measures


def main(input, output, params, log):
    patient = Patient.of_files(**{k: files for k, files in input.items() if k != "drawn"})
    cells = RepolarisationSettings.model_validate(params.repolarisation).with_one_plateau("imaging")
    section = ImagingSettings.model_validate(params.section)
    sigma = LeadFieldSettings.model_validate(params.conductivity | {"gradient": params.gradient})
    fields = lead_fields.lead_fields_of(patient, sigma, section.forward_models)
    own = ActivationSettings.model_validate(params.activation), cells.smoothing_mm
    heart = Simulator.of(patient, fields, *own)
    cases = beats_to_simulate(section, patient, input.get("drawn"))
    beats = Simulations.of(heart, cases, patient.anatomy.split, measures.clinical_measures(patient))
    with_recorder_noise(beats, params.recording, section.seed).save(output[0])
    log.info("%d beats", len(cases))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
