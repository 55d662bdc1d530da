"""Lead fields of one batch of electrodes of one patient."""

from einthoven.core.files import load_arrays, save_arrays
from einthoven.leadfield.solve import lead_fields, solver_used
from einthoven.run.job import run


def main(input, output, params, log):
    anatomy, mesh = load_arrays(input.anatomy), load_arrays(input.mesh)
    f0 = load_arrays(input.fibers, ["f0"])["f0"]
    batch = slice(*params.electrodes)
    names, points = anatomy["site_names"][batch], anatomy["site_points"][batch]
    solver = solver_used(params.section, len(mesh["points"]), len(names))
    lead_field, residual = lead_fields(
        mesh, f0, points, list(names), dtype="float32", **params.section
    )
    arrays = {
        "lead_field": lead_field,
        "electrode_names": names,
        "electrode_points": points,
        "residual": residual,
    }
    attrs = {"patient": mesh.attrs["patient"], "batch": int(params.batch), "solver": solver}
    save_arrays(output[0], arrays, **attrs)
    log.info("%d electrodes by %s, largest residual %.1e", len(names), solver, residual.max())


if "snakemake" in globals():
    run(main, globals()["snakemake"])
