"""The report page of a run."""

from pathlib import Path

from einthoven import __version__
from einthoven.core.files import load_arrays, read_json
from einthoven.core.tags import Surface
from einthoven.evaluation.tables import missing_lines
from einthoven.patient.leadfields import LeadFields
from einthoven.report import gallery
from einthoven.report.imported import imported_sections
from einthoven.report.page import write_report
from einthoven.report.population import calibration_section
from einthoven.report.uncertainty import uncertainty_sections
from einthoven.run.job import run

ELECTRODE = "LA"


def main(input, output, params, log):
    metrics, curves = read_json(input.metrics), load_arrays(input.curves)
    example = {Path(p).stem: load_arrays(p) for p in input.example}
    activations = {
        Path(p).stem.removeprefix("activation_"): load_arrays(p) for p in input.activation
    }
    predictions = {Path(p).parent.name: load_arrays(p) for p in input.predictions}
    shown = gallery.shown_method(metrics)
    anatomy, mesh = example["anatomy"], example["mesh"]
    names, electrodes = example["field"]["electrode_names"], example["field"]["electrode_points"]
    z = LeadFields.gather(input.leadfield, names, electrodes).lead_field
    k = [str(name) for name in names].index(ELECTRODE)
    skin = anatomy["faces"][anatomy["face_tags"] == Surface.SKIN]
    sections = [
        gallery.results_section(metrics),
        gallery.encoder_section(metrics),
        gallery.ecg_section(example["ecg"], predictions, shown),
        gallery.error_section(curves, anatomy, skin, electrodes),
        gallery.field_section(mesh, z[k], ELECTRODE, predictions[shown]["heart_grad"][k], shown),
        gallery.cohort_section(
            [read_json(p) for p in input.cohort],
            [load_arrays(p) for p in input.anatomies],
            example["sdf"],
            example["field"],
        ),
        calibration_section(read_json(input.calibration)),
        gallery.patient_section(anatomy, mesh, example["fibers"], example["purkinje"], activations),
        *uncertainty_sections(metrics, curves),
        *imported_sections(metrics),
    ]
    n_test = len(metrics["patients"])
    lead = f"einthoven {__version__}: {len(input.cohort)} virtual patients, {n_test} held out."
    write_report(output[0], "Lead-field surrogates", lead, sections, missing_lines(metrics))
    log.info("%d sections, pictures of %s", len(sections), shown)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
