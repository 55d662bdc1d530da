"""Electrode potentials and 12-lead ECG of one patient in all scenarios."""

import numpy as np

from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.names import LEADS
from einthoven.ecg.forward import forward_potential, source_energy
from einthoven.ecg.intervals import qrs_amplitude, qrs_duration
from einthoven.ecg.leads import twelve_lead
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.geometry.gradient_recovery import apply_operator, gradient_operator
from einthoven.leadfield.conductivity import Conductivities, intracellular
from einthoven.leadfield.gather import gather_lead_fields
from einthoven.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.run.job import run


def main(input, output, params, log):
    anatomy, mesh = load_arrays(input.anatomy), load_arrays(input.mesh)
    f0 = load_arrays(input.fibers, ["f0"])["f0"]
    sigma = Conductivities.from_section(params.conductivity)
    sigma_i = intracellular(f0, sigma.sigma_il, sigma.sigma_it)
    n_nodes, n_cells = mesh.attrs["n_heart_nodes"], mesh.attrs["n_heart_cells"]
    points, cells = mesh["points"][:n_nodes], mesh["cells"][:n_cells]
    used = slice(params.n_electrodes)
    names, electrodes = anatomy["site_names"][used], anatomy["site_points"][used]
    solved = gather_lead_fields(input.leadfield, names, electrodes)
    operator = gradient_operator(params.gradient, points, cells)
    fem = apply_operator(operator, solved.lead_field[:, :n_nodes])
    pseudo = pseudo_lead_field_grad(points[cells].mean(1), electrodes, sigma.sigma_torso)
    both = np.concatenate([fem, pseudo])  # one sweep of the wave serves both
    section = params.section
    time = section["start_ms"] + np.arange(0, section["duration_ms"], section["dt_ms"])
    beat = template(ECG_STEP_MS)
    taus = [load_arrays(path, ["activation_time"])["activation_time"] for path in input.activation]
    arrays = {"time": time, "scenario": np.array(section["scenarios"])}
    arrays |= {"electrode_names": names, "lead": np.array(LEADS)}
    potentials = np.stack(
        [forward_potential(points, cells, sigma_i, tau, both, time, beat) for tau in taus]
    )
    for kind, potential in zip(("", "_pseudo"), np.split(potentials, 2, axis=1)):
        arrays[f"electrode_potential{kind}"] = potential.astype(np.float32)
        arrays[f"ecg{kind}"] = twelve_lead(names, potential).astype(np.float32)
    arrays["source_energy"] = np.array(
        [source_energy(points, cells, sigma_i, tau, beat) for tau in taus]
    )
    arrays["qrs_duration"] = np.array([qrs_duration(ecg, time) for ecg in arrays["ecg"]])
    arrays["qrs_amplitude"] = np.stack([qrs_amplitude(ecg, time) for ecg in arrays["ecg"]])
    save_arrays(output[0], arrays, patient=mesh.attrs["patient"])
    log.info("QRS %s ms", np.round(arrays["qrs_duration"], 1))


if "snakemake" in globals():
    run(main, globals()["snakemake"])
