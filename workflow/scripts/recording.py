"""Recordings of one patient's scenarios, as an electrocardiograph stores them."""

from einthoven.app.run.job import run
from einthoven.base.config.recording import RecordingSettings
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.recorder.record import record_ecg


def main(input, output, params, log):
    patient = Patient.of_files(ecg=input.ecg, activation=input.activation)
    settings = RecordingSettings.model_validate(params.section)
    sex = PatientParameters.load(input.cohort).sex
    for scenario, stage, header in zip(settings.scenarios, output.stage, output.header):
        recorded = record_ecg(patient, scenario, settings, sex)
        recorded.save(stage)
        recorded.write_wfdb(header)
        log.info("%s: %d beats", scenario, len(recorded.beat_time))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
