"""einthoven: virtual patients, their ECG lead fields, and what can be learned from them.

    import einthoven as ei

gives the path from a draw to an ECG and to a prediction; what is listed in `__all__` is public and
stays, all else may change. Units are mm, ms, mV, mS inside; the patient frame has x to the
patient's left, y to the back and z to the head. See docs/notation.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from einthoven.core.version import __version__

if TYPE_CHECKING:
    from einthoven.anatomy.body import build_anatomy
    from einthoven.anatomy.population.cohort import draw_patient
    from einthoven.config.load import load as load_config
    from einthoven.config.models import Config
    from einthoven.core.errors import EinthovenError
    from einthoven.dataset.loaders import open_tree as open
    from einthoven.dataset.loaders import open_tree as open_dataset
    from einthoven.dataset.sample import sample
    from einthoven.ecg.intervals import qrs_duration
    from einthoven.ecg.simulate import simulate_ecg
    from einthoven.electrophysiology.purkinje.tree import grow_tree
    from einthoven.electrophysiology.scenarios import activate
    from einthoven.fibers.coordinates import ventricular_coordinates
    from einthoven.fibers.ldrb import assign_fibers
    from einthoven.imported.anatomy import import_patient
    from einthoven.imported.sheet import read_sheet
    from einthoven.leadfield.solve import solve_lead_fields
    from einthoven.mesh.tetrahedra import tetrahedralise
    from einthoven.patient.anatomy import Electrodes
    from einthoven.patient.patient import Patient
    from einthoven.plots.ecg_paper import ecg_figure
    from einthoven.prediction.new_patient import predict_new as predict
    from einthoven.prediction.pretrained import Pretrained
    from einthoven.samples.sdf import sdf_samples
    from einthoven.segmentation.heart import segmented_heart

_HOMES = {
    "Config": "config.models",
    "load_config": "config.load:load",
    "EinthovenError": "core.errors",
    "Patient": "patient.patient",
    "Electrodes": "patient.anatomy",
    "draw_patient": "anatomy.population.cohort",
    "build_anatomy": "anatomy.body",
    "read_sheet": "imported.sheet",
    "import_patient": "imported.anatomy",
    "segmented_heart": "segmentation.heart",
    "tetrahedralise": "mesh.tetrahedra",
    "assign_fibers": "fibers.ldrb",
    "ventricular_coordinates": "fibers.coordinates",
    "grow_tree": "electrophysiology.purkinje.tree",
    "activate": "electrophysiology.scenarios",
    "solve_lead_fields": "leadfield.solve",
    "simulate_ecg": "ecg.simulate",
    "qrs_duration": "ecg.intervals",
    "ecg_figure": "plots.ecg_paper",
    "sdf_samples": "samples.sdf",
    "Pretrained": "prediction.pretrained",
    "predict": "prediction.new_patient:predict_new",
    "open": "dataset.loaders:open_tree",
    "open_dataset": "dataset.loaders:open_tree",
    "sample": "dataset.sample",
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
