"""V_m of one patient, reconstructed with lead fields of several origins."""

from einthoven.config.inverse import Inverse
from einthoven.config.models import Leadfield
from einthoven.patient.anatomy import Anatomy
from einthoven.patient.patient import Patient
from einthoven.prediction.prediction import Prediction
from einthoven.run.job import run
from einthoven.worlds.operator_comparison import OperatorComparison
from einthoven.worlds.operators import Known
from einthoven.worlds.trials import save_trials


def main(input, output, params, log):
    stages = ("anatomy", "mesh", "fibers", "ecg", "activation", "leadfield")
    patient = Patient.of_files(**{stage: getattr(input, stage) for stage in stages})
    leadfield = Leadfield.model_validate(params.leadfield | {"gradient": params.gradient})
    prediction, other = Prediction.load(input.prediction), Anatomy.load(input.neighbour)
    config = Inverse.model_validate(params.section)
    known = Known(patient, leadfield, prediction, other)
    comparison = OperatorComparison.of(known, config.scenarios, config)
    found = list(comparison.trials(config.operators))
    save_trials(output[0], found)
    log.info("%d reconstructions", len(found))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
