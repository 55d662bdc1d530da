"""Samples of the lead-field gradient of one patient, for training."""

import numpy as np

from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.seeds import generator
from einthoven.geometry.gradient_recovery import apply_operator, gradient_operator
from einthoven.geometry.signed_distance import signed_distances
from einthoven.leadfield.gather import gather_lead_fields
from einthoven.run.job import run
from einthoven.samples.field import sample_field

MESH = ("points", "cells", "cell_tags", "facets", "facet_tags")
SURFACES = ("points", "faces", "face_tags")


def gradients(kind, points, cells, cell_tags, chosen, z):
    """[electrode, chosen cell, 3] kOhm/mm, each from the nodes of its own tissue only."""
    found = np.empty((len(z), len(chosen), 3), np.float32)
    for tissue in np.unique(cell_tags[chosen]):
        ids = np.flatnonzero(cell_tags == tissue)
        mine = np.flatnonzero(cell_tags[chosen] == tissue)
        which = np.searchsorted(ids, chosen[mine])
        found[:, mine] = apply_operator(gradient_operator(kind, points, cells[ids], which), z)
    return found


def main(input, output, params, log):
    anatomy, mesh = load_arrays(input.anatomy), load_arrays(input.mesh)
    f0 = load_arrays(input.fibers, ["f0"])["f0"]
    section, patient = dict(params.section), mesh.attrs["patient"]
    rng = generator(section.pop("seed"), patient, "field")
    sample = sample_field(*(mesh[name] for name in MESH), rng, **section)
    used = slice(params.n_electrodes)
    names, electrodes = anatomy["site_names"][used], anatomy["site_points"][used]
    z = gather_lead_fields(input.leadfield, names, electrodes).lead_field
    fiber = np.zeros((len(sample.cells), 3), np.float32)
    inside = sample.cells < len(f0)
    fiber[inside] = f0[sample.cells[inside]]
    body = (mesh[name] for name in MESH[:3])
    sdf = signed_distances(*(anatomy[name] for name in SURFACES), sample.points)
    arrays = {
        "field_points": sample.points,
        "field_cell": sample.cells.astype(np.int32),
        "field_tissue": sample.tissue,
        "field_sdf": sdf.astype(np.float32),
        "field_fiber": fiber,
        "field_grad": gradients(params.gradient, *body, sample.cells, z),
        "electrode_names": names,
        "electrode_points": electrodes,
    }
    save_arrays(output[0], arrays, patient=patient)
    log.info("%d points, %d electrodes", len(sample.cells), len(names))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
