"""Lead fields and ECG of one held-out patient by one surrogate."""

from pathlib import Path

from einthoven.config.models import Leadfield
from einthoven.core.files import load_arrays
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.encoders.deepsdf.out_of_distribution import OutOfDistributionCheck
from einthoven.encoders.imported_code import with_imported_codes
from einthoven.encoders.surfaces import stage_file_surfaces
from einthoven.encoders.train import load_encoder
from einthoven.leadfield.conductivity import intracellular
from einthoven.prediction.held_out import predict_patient
from einthoven.run.job import run
from einthoven.surrogate.ensemble import Surrogate
from einthoven.training.machine import Machine


def check_of(codes):
    """The check beside the code of an imported patient."""
    if not codes:
        return None
    return OutOfDistributionCheck.from_json(load_arrays(codes[0]).attrs["out_of_distribution"])


def main(input, output, params, log):
    ecg = load_arrays(input.ecg, ["time", "scenario"])
    f0 = load_arrays(input.fibers, ["f0"])["f0"]
    patient = Path(input.mesh).parent
    surfaces = stage_file_surfaces(patient.parent)
    encoder = load_encoder(params.encoder, Path(input.encoder).parent, surfaces)
    predict_patient(
        Surrogate.load(input.surrogate, params.model, *input.uncertainty),
        with_imported_codes(encoder, input.codes),
        params.model,
        patient,
        output[0],
        activation=dict(zip(map(str, ecg["scenario"]), input.activation, strict=True)),
        sigma_i=intracellular(f0, Leadfield.model_validate(params.conductivity)),
        time=ecg["time"],
        template=template(ECG_STEP_MS),
        n_threads=Machine.from_environment().n_threads,
        check=check_of(input.codes),
    )
    log.info("%s: predicted with %s", ecg.attrs["patient"], params.model)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
