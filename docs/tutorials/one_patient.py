"""One virtual patient, from shape coefficients to a 12-lead ECG. Run by the tests."""

import numpy as np

from einthoven.anatomy.body import build_anatomy
from einthoven.anatomy.population.cohort import draw_patient
from einthoven.config import Config
from einthoven.ecg import forward, intervals, leads
from einthoven.electrophysiology import scenarios
from einthoven.electrophysiology.cells import template as action_potential
from einthoven.electrophysiology.purkinje import tree as purkinje
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.ldrb import assign_fibers
from einthoven.geometry.gradient_recovery import recovered_gradient
from einthoven.leadfield import conductivity, solve
from einthoven.mesh.tetrahedra import tetrahedralise

config = Config()
setup = {name: dict(section) for name, section in config}
body = build_anatomy(draw_patient(7, config.cohort), config.anatomy)
names, electrodes = body.site_names[:9], body.site_points[:9]
surfaces = (body.points, body.faces, body.face_tags)
mesh = tetrahedralise(*surfaces, electrodes, **setup["mesh"])
nodes, tets = mesh.points[: mesh.n_heart_nodes], mesh.cells[: mesh.n_heart_cells]

fibers = assign_fibers(mesh.arrays(), **setup["fibers"])
tree = purkinje.grow_tree(mesh.arrays(), ventricular_coordinates(mesh.arrays()), seed=7)
beat, _ = scenarios.activation("sinus", mesh.arrays(), fibers._asdict(), vars(tree))

lead_field, _ = solve.lead_fields(mesh.arrays(), fibers.f0, electrodes, **setup["leadfield"])
gradient = recovered_gradient(nodes, tets, lead_field[:, : len(nodes)])
sigma_i = conductivity.intracellular(fibers.f0, 0.3, 0.03)  # S/m = mS/mm
clock, template = np.arange(-20.0, 500.0), action_potential.template(0.1)  # ms; ms and mV
tau = beat["activation_time"]
phi = forward.forward_potential(nodes, tets, sigma_i, tau, gradient, clock, template)
ecg = leads.twelve_lead(names, phi)  # [lead, time] mV, eq. (3)
qrs = intervals.qrs_duration(ecg, clock)
print(f"{len(mesh.points)} nodes, QRS {qrs:.0f} ms, R in V5 {ecg[10].max():.1f} mV")
