"""Samples of the lead-field gradient of one patient, for training."""

import numpy as np

from einthoven.anatomy.distance import signed_distances
from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.seeds import generator
from einthoven.core.simplex import cell_gradient, p1_gradients
from einthoven.leadfield.gather import gather_lead_fields
from einthoven.leadfield.sampling import sample_field
from einthoven.step import run

MESH = ("points", "cells", "cell_tags", "facets", "facet_tags")
SURFACES = ("points", "faces", "face_tags")


def main(input, output, params, log):
    anatomy, mesh = load_arrays(input.anatomy), load_arrays(input.mesh)
    f0 = load_arrays(input.fibers, ["f0"])["f0"]
    section, patient = dict(params.section), mesh.attrs["patient"]
    rng = generator(section.pop("seed"), patient, "field")
    sample = sample_field(*(mesh[name] for name in MESH), rng, **section)
    used = slice(params.n_electrodes)
    names, electrodes = anatomy["site_names"][used], anatomy["site_points"][used]
    z = gather_lead_fields(input.leadfield, names, electrodes).lead_field
    cells = mesh["cells"][sample.cells]
    fiber = np.zeros((len(cells), 3), np.float32)
    inside = sample.cells < len(f0)
    fiber[inside] = f0[sample.cells[inside]]
    grad = cell_gradient(p1_gradients(mesh["points"], cells), cells, z)
    sdf = signed_distances(*(anatomy[name] for name in SURFACES), sample.points)
    arrays = {
        "field_points": sample.points,
        "field_cell": sample.cells.astype(np.int32),
        "field_tissue": sample.tissue,
        "field_sdf": sdf.astype(np.float32),
        "field_fiber": fiber,
        "field_grad": grad.astype(np.float32),
        "electrode_names": names,
        "electrode_points": electrodes,
    }
    save_arrays(output[0], arrays, patient=patient)
    log.info("%d points, %d electrodes", len(cells), len(names))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
