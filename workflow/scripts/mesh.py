"""Tetrahedra of one patient."""

from einthoven.app.run.job import run
from einthoven.base.config.models import MeshSettings
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.anatomy import Anatomy


def main(input, output, params, log):
    anatomy, config = Anatomy.load(input.anatomy), MeshSettings.model_validate(params.section)
    refined = anatomy.site_points[: params.n_refined]
    mesh = tetrahedralise(anatomy.surfaces, refined, config, anatomy.patient)
    mesh.save(output[0])
    log.info("%d nodes, %d cells", len(mesh.points), len(mesh.cells))
    log.info("%s", ", ".join(f"{name} {value:.3f}" for name, value in mesh.quality.items()))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
