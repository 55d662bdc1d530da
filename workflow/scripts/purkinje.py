"""Purkinje trees of one patient."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.seeds import derive_seed
from einthoven.electrophysiology.purkinje.tree import grow_tree
from einthoven.fibers.coordinates import Coordinates
from einthoven.run.job import run

ARRAYS = ("tree_points", "tree_edges", "tree_side", "pmj_nodes", "pmj_times", "pmj_side")
ATTRS = ("coverage_gap_mm", "draws")


def main(input, output, params, log):
    mesh, fibers = load_arrays(input.mesh), load_arrays(input.fibers)
    section = dict(params.section)
    patient = mesh.attrs["patient"]
    seed = derive_seed(section.pop("seed"), patient, "purkinje")
    coordinates = Coordinates(*(fibers[name] for name in Coordinates._fields))
    tree = grow_tree(mesh, coordinates, seed, **section)
    attrs = {name: getattr(tree, name) for name in ATTRS}
    save_arrays(output[0], {n: getattr(tree, n) for n in ARRAYS}, patient=patient, **attrs)
    log.info("%d junctions", len(tree.pmj_nodes))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
