"""Wave and cells of a virtual patient that give the beat of a drawn person."""

from einthoven.app.run.job import run
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.patient import Patient
from einthoven.imaging.twin.drawn_beat import BeatSettings, fitted_beat
from einthoven.physics.ecg.people_beats import PeopleBeats, shipped_beats


def main(input, output, params, log):
    stages = ("anatomy", "mesh", "fibers", "leadfield")
    patient = Patient.of_files(**{stage: getattr(input, stage) for stage in stages})
    beats = PeopleBeats.load(input.beats[0]) if input.beats else shipped_beats()
    leadfield = params.leadfield | {"gradient": params.gradient}
    sections = params.activation, leadfield, params.repolarisation, params.atria
    settings = BeatSettings.of_params(*sections, params.person)
    fields = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    gradients = fields.gradients(patient.heart, params.gradient)
    found = fitted_beat(patient, gradients, beats, settings)
    found.save(output[0])
    log.info("QRS %.4f, ST %.3f mV, T %.3f mV, gain %.2f", found.qrs_correlation, found.st_rms_mv,
             found.t_rms_mv, found.gain)  # fmt: skip


if "snakemake" in globals():
    run(main, globals()["snakemake"])
