"""Pairs of beats of one patient, without and with a scar: what infarct networks learn from."""

from einthoven.app.run.job import run
from einthoven.base.config.electrophysiology import ActivationSettings, RepolarisationSettings
from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import draw_beats
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.imaging.inputs.lead_fields import lead_fields_of


def main(input, output, params, log):
    patient = Patient.of_files(**dict(input.items()))
    RepolarisationSettings.model_validate(params.plateaus).with_one_plateau(patient.name)
    section = ImagingSettings.model_validate(params.section)
    sigma = LeadFieldSettings.model_validate(params.conductivity | {"gradient": params.gradient})
    fields = lead_fields_of(patient, sigma, section.forward_models[:1])
    own = ActivationSettings.model_validate(params.activation), params.smoothing_mm
    cases = draw_beats(section, patient.name, section.simulations_per_patient)
    scars = SubstrateSettings.model_validate(params.scars)
    heart = Simulator.of(patient, fields, *own)
    pairs = InfarctPairs.of(heart, cases, scars, patient.anatomy.split)
    log.info("%d pairs", pairs.save(output[0]))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
