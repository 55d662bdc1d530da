"""The pages of a run: the report with its sections in order, and the 3-D view."""

from pathlib import Path

from einthoven.app.evaluation.realism.judge import JudgedRealism
from einthoven.app.evaluation.tables import missing_lines
from einthoven.app.report.audit import audit_sections
from einthoven.app.report.cohort import cohort_section, population_section
from einthoven.app.report.ecg import ecg_section
from einthoven.app.report.imported import imported_sections
from einthoven.app.report.lead_field import error_section, field_section
from einthoven.app.report.page import write_page
from einthoven.app.report.patient_page import patient_section, repolarisation_section
from einthoven.app.report.realism import realism_section
from einthoven.app.report.results import encoder_section, results_section, uncertainty_sections
from einthoven.app.report.run import FinishedRun
from einthoven.app.report.viewer.methods import ShownMethod
from einthoven.app.report.viewer.scene import scene_of
from einthoven.app.report.viewer.viewer_page import PageSize, write_scene
from einthoven.base.core.version import __version__

VIEW = "heart.html"
"""Name of the 3-D view, beside the report."""


def write_report(path: str | Path, run: FinishedRun, realism: JudgedRealism | None = None) -> None:
    """Write the self-contained page of a finished run.

    Args:
        path: of the page. run: what it shows.
        realism: all patients beside people; None without recordings.
    """
    sections = [
        results_section(run),
        encoder_section(run),
        ecg_section(run),
        *audit_sections(run.metrics, run.beats),
        *([realism_section(realism)] if realism else []),
        error_section(run),
        field_section(run),
        cohort_section(run),
        population_section(run.population),
        patient_section(run),
        repolarisation_section(run),
        *uncertainty_sections(run.metrics, run.curves),
        *imported_sections(run.metrics),
    ]
    n_test = len(run.metrics["patients"])
    lead = f"einthoven {__version__}: {len(run.cohort)} virtual patients, {n_test} held out."
    links = {VIEW: f"{run.example.name} in 3-D"}
    write_page(path, "Lead-field surrogates", lead, sections, missing_lines(run.metrics), links)


def write_run_view(path: str | Path, run: FinishedRun) -> PageSize:
    """Write the 3-D view of the run's example: finite elements and the method of the pictures."""
    patient, predicted = run.example, run.predictions[run.method]
    n_cells = len(patient.heart.cells)
    methods = [
        ShownMethod.of_fem(patient),
        ShownMethod.of_prediction(run.method, predicted, n_cells),
    ]
    return write_scene(path, scene_of(patient, methods))
