"""einthoven: virtual patients, their ECG lead fields, and what can be learned from them.

    import einthoven as ei

gives the path from a draw to an ECG and to a prediction; what is listed in `__all__` is public and
stays, all else may change. Units are mm, ms, mV, mS inside; the patient frame has x to the
patient's left, y to the back and z to the head. See docs/reference/notation.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from einthoven.base.core.version import __version__

if TYPE_CHECKING:
    from einthoven.base.config.load import load as load_config
    from einthoven.base.config.models import Config
    from einthoven.base.core.errors import EinthovenError
    from einthoven.base.plots.ecg_paper import ecg_figure
    from einthoven.body.anatomy.body import build_anatomy
    from einthoven.body.anatomy.population.cohort import draw_patient
    from einthoven.body.fibers.coordinates import ventricular_coordinates
    from einthoven.body.fibers.ldrb import assign_fibers
    from einthoven.body.imported.anatomy import import_patient
    from einthoven.body.imported.sheet import read_sheet
    from einthoven.body.mesh.tetrahedra import tetrahedralise
    from einthoven.body.segmentation.segmented_heart import segmented_heart
    from einthoven.data.dataset.loaders import open_tree as open
    from einthoven.data.dataset.loaders import open_tree as open_dataset
    from einthoven.data.dataset.sample import sample
    from einthoven.data.patient.anatomy import Electrodes
    from einthoven.data.patient.patient import Patient
    from einthoven.learning.prediction.new_patient import predict_new as predict
    from einthoven.learning.prediction.pretrained import Pretrained
    from einthoven.learning.samples.sdf import sdf_samples
    from einthoven.physics.ecg.intervals import qrs_duration
    from einthoven.physics.ecg.simulate import simulate_ecg
    from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
    from einthoven.physics.electrophysiology.scenarios import activate
    from einthoven.physics.leadfield.solve import solve_lead_fields

_HOMES = {
    "Config": "base.config.models",
    "load_config": "base.config.load:load",
    "EinthovenError": "base.core.errors",
    "Patient": "data.patient.patient",
    "Electrodes": "data.patient.anatomy",
    "draw_patient": "body.anatomy.population.cohort",
    "build_anatomy": "body.anatomy.body",
    "read_sheet": "body.imported.sheet",
    "import_patient": "body.imported.anatomy",
    "segmented_heart": "body.segmentation.segmented_heart",
    "tetrahedralise": "body.mesh.tetrahedra",
    "assign_fibers": "body.fibers.ldrb",
    "ventricular_coordinates": "body.fibers.coordinates",
    "grow_tree": "physics.electrophysiology.purkinje.tree",
    "activate": "physics.electrophysiology.scenarios",
    "solve_lead_fields": "physics.leadfield.solve",
    "simulate_ecg": "physics.ecg.simulate",
    "qrs_duration": "physics.ecg.intervals",
    "ecg_figure": "base.plots.ecg_paper",
    "sdf_samples": "learning.samples.sdf",
    "Pretrained": "learning.prediction.pretrained",
    "predict": "learning.prediction.new_patient:predict_new",
    "open": "data.dataset.loaders:open_tree",
    "open_dataset": "data.dataset.loaders:open_tree",
    "sample": "data.dataset.sample",
}
"""Public name -> module, and its name there if it is another one; imported when first used, since
solvers, meshers and torch each take seconds and none is needed by all."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'einthoven' has no attribute {name!r}")
    module, _, there = _HOMES[name].partition(":")
    return getattr(import_module(f"einthoven.{module}"), there or name)


def __dir__() -> list[str]:
    return sorted(__all__)
