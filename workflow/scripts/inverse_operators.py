"""V_m of one patient, reconstructed with lead fields of several origins."""

from einthoven.app.run.job import run
from einthoven.base.config.inverse import InverseSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.operator_comparison import OperatorComparison
from einthoven.inverse.synthetic.operators import TransferInputs
from einthoven.inverse.synthetic.trials import save_trials
from einthoven.learning.prediction.prediction import Prediction


def main(input, output, params, log):
    stages = ("anatomy", "mesh", "fibers", "ecg", "activation", "leadfield")
    patient = Patient.of_files(**{stage: getattr(input, stage) for stage in stages})
    leadfield = LeadFieldSettings.model_validate(params.leadfield | {"gradient": params.gradient})
    prediction, other = Prediction.load(input.prediction), Anatomy.load(input.neighbour)
    config = InverseSettings.model_validate(params.section)
    inputs = TransferInputs(patient, leadfield, prediction, other)
    comparison = OperatorComparison.of(inputs, config.scenarios, config)
    done = list(comparison.trials(config.operators))
    save_trials(output[0], done)
    log.info("%d reconstructions", len(done))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
