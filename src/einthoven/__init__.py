"""einthoven: virtual patients, their ECG lead fields, and what can be learned from them.

    import einthoven as ei

    tree = ei.open_dataset(ei.sample())
    tree["ecg"]["ecg"].sel(lead="V2", scenario="sinus")  # [patient, time] mV

What `FRONT_DOOR` lists is public and stays. All else may change. Lengths are mm, times ms,
potentials mV. The patient frame has x to the patient's left, y to the back and z to the head
(docs/reference/notation.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from einthoven.base.core.errors import extras_named
from einthoven.base.core.version import __version__

if TYPE_CHECKING:
    from einthoven.app.evaluation.benchmark.score import score_submission
    from einthoven.app.evaluation.benchmark.submission import Submission
    from einthoven.app.evaluation.benchmark.task import BenchmarkTask
    from einthoven.app.report.viewer.viewer_page import write_view
    from einthoven.base.config.load import load as load_config
    from einthoven.base.config.models import Config
    from einthoven.base.core.errors import EinthovenError
    from einthoven.base.plots.ecg_paper import ecg_figure
    from einthoven.base.plots.substrate import substrate_figure
    from einthoven.body.anatomy.body import build_anatomy
    from einthoven.body.anatomy.population.cohort import draw_patient
    from einthoven.body.fibers.coordinates import ventricular_coordinates
    from einthoven.body.fibers.ldrb import assign_fibers
    from einthoven.body.imported.anatomy import import_patient
    from einthoven.body.imported.sheet import read_sheet
    from einthoven.body.mesh.tetrahedra import tetrahedralise
    from einthoven.body.segmentation.segmented_heart import segmented_heart
    from einthoven.data.dataset.loaders import open_dataset
    from einthoven.data.dataset.sample import sample
    from einthoven.data.dataset.torch_loader import ExampleSelection, ExampleStream
    from einthoven.data.patient.anatomy import Electrodes
    from einthoven.data.patient.patient import Patient
    from einthoven.imaging.infarct.infarct_model import infarct
    from einthoven.imaging.model.imaging_model import ImagingModel, image
    from einthoven.imaging.twin.recorded_twin import fit_recorded_twin as fit_twin
    from einthoven.inverse.measured.case import prepare as prepare_inverse
    from einthoven.inverse.measured.electrodes import read_electrodes
    from einthoven.inverse.measured.reconstruction import Choice as InverseChoice
    from einthoven.inverse.measured.reconstruction import reconstruct_case
    from einthoven.inverse.measured.surface_files import read_closed_surface as read_surface
    from einthoven.inverse.measured.tables import read_recording as read_potentials
    from einthoven.inverse.problem.inverse_problem import InverseProblem
    from einthoven.inverse.problem.registry import reconstruct
    from einthoven.learning.encoders.pca import PcaEncoder
    from einthoven.learning.encoders.train import train_encoder
    from einthoven.learning.prediction.new_patient import predict_new as predict
    from einthoven.learning.prediction.pretrained import Pretrained
    from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
    from einthoven.learning.surrogate.split_samples import SplitSamples
    from einthoven.learning.surrogate.train import train_surrogate
    from einthoven.numerics.bem.transfer import heart_to_torso
    from einthoven.physics.ecg.intervals import qrs_duration
    from einthoven.physics.ecg.recordings.read import read_recording as read_ecg
    from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
    from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
    from einthoven.physics.electrophysiology.scenarios import activate
    from einthoven.physics.electrophysiology.substrate.make import make_substrate
    from einthoven.physics.leadfield.solve import solve_lead_fields

FRONT_DOOR: dict[str, dict[str, str]] = {
    "Settings, errors": {
        "Config": "base.config.models",
        "load_config": "base.config.load:load",
        "EinthovenError": "base.core.errors",
    },
    "A virtual patient": {
        "draw_patient": "body.anatomy.population.cohort",
        "build_anatomy": "body.anatomy.body",
        "tetrahedralise": "body.mesh.tetrahedra",
        "Patient": "data.patient.patient",
        "assign_fibers": "body.fibers.ldrb",
        "ventricular_coordinates": "body.fibers.coordinates",
        "grow_tree": "physics.electrophysiology.purkinje.tree",
    },
    "A patient, electrodes or a recording of your own": {
        "read_sheet": "body.imported.sheet",
        "import_patient": "body.imported.anatomy",
        "segmented_heart": "body.segmentation.segmented_heart",
        "Electrodes": "data.patient.anatomy",
        "read_ecg": "physics.ecg.recordings.read:read_recording",
    },
    "Activation, lead fields, ECG": {
        "make_substrate": "physics.electrophysiology.substrate.make",
        "activate": "physics.electrophysiology.scenarios",
        "solve_lead_fields": "physics.leadfield.solve",
        "SimulationSettings": "physics.ecg.simulate",
        "simulate_ecg": "physics.ecg.simulate",
        "qrs_duration": "physics.ecg.intervals",
    },
    "Predict lead fields and ECGs": {
        "Pretrained": "learning.prediction.pretrained",
        "predict": "learning.prediction.new_patient:predict_new",
    },
    "Potentials on the heart from those on the skin (inverse ECG)": {
        "read_surface": "inverse.measured.surface_files:read_closed_surface",
        "read_electrodes": "inverse.measured.electrodes",
        "read_potentials": "inverse.measured.tables:read_recording",
        "prepare_inverse": "inverse.measured.case:prepare",
        "heart_to_torso": "numerics.bem.transfer",
        "InverseChoice": "inverse.measured.reconstruction:Choice",
        "reconstruct_case": "inverse.measured.reconstruction",
        "InverseProblem": "inverse.problem.inverse_problem",
        "reconstruct": "inverse.problem.registry",
    },
    "Activation from a 12-lead ECG": {
        "ImagingModel": "imaging.model.imaging_model",
        "image": "imaging.model.imaging_model",
        "infarct": "imaging.infarct.infarct_model",
        "fit_twin": "imaging.twin.recorded_twin:fit_recorded_twin",
    },
    "Read a data set": {
        "open_dataset": "data.dataset.loaders",
        "sample": "data.dataset.sample",
        "ExampleStream": "data.dataset.torch_loader",
        "ExampleSelection": "data.dataset.torch_loader",
    },
    "Train on it": {
        "train_encoder": "learning.encoders.train",
        "PcaEncoder": "learning.encoders.pca",
        "SplitSamples": "learning.surrogate.split_samples",
        "train_surrogate": "learning.surrogate.train",
        "SurrogateEnsemble": "learning.surrogate.ensemble",
    },
    "Join the benchmark": {
        "BenchmarkTask": "app.evaluation.benchmark.task",
        "Submission": "app.evaluation.benchmark.submission",
        "score_submission": "app.evaluation.benchmark.score",
    },
    "Pictures": {
        "ecg_figure": "base.plots.ecg_paper",
        "substrate_figure": "base.plots.substrate",
        "write_view": "app.report.viewer.viewer_page",
    },
}
"""Group -> public name -> module, and the name there if it differs.

Imported when first used, since solvers, meshers and torch each take seconds and none is needed by
all."""

_HOMES = {name: home for group in FRONT_DOOR.values() for name, home in group.items()}
_LEARNED = ("learning.", "imaging.")
"""Wings of which all names need the extra `learn`."""

__all__ = ["FRONT_DOOR", "__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'einthoven' has no attribute {name!r}")
    module, _, there = _HOMES[name].partition(":")
    with extras_named(f"ei.{name}", "learn" if module.startswith(_LEARNED) else ""):
        return getattr(import_module(f"einthoven.{module}"), there or name)


def __dir__() -> list[str]:
    return sorted(__all__)
