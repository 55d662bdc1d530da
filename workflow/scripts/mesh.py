"""Tetrahedra of one patient."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.mesh.tetrahedra import tetrahedralise
from einthoven.run.job import run


def main(input, output, params, log):
    anatomy = load_arrays(input.anatomy)
    surfaces = (anatomy[name] for name in ("points", "faces", "face_tags"))
    refined = anatomy["site_points"][: params.n_refined]
    mesh = tetrahedralise(*surfaces, refined, **params.section)
    save_arrays(output[0], mesh.arrays(), patient=anatomy.attrs["patient"], **mesh.attrs())
    log.info("%d nodes, %d cells, %.1f s", len(mesh.points), len(mesh.cells), mesh.seconds)
    log.info("%s", ", ".join(f"{name} {value:.3f}" for name, value in mesh.quality.items()))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
