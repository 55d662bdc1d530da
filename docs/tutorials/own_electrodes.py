"""Your own electrodes: V1 and V2 one intercostal space too high. Run by the tests.

This is the most frequent error of placement. The r waves of V1 and V2 get smaller, as in people
(Kligfield 2007, doi:10.1161/CIRCULATIONAHA.106.180200).
"""

import numpy as np

import einthoven as ei

config = ei.Config()
anatomy = ei.build_anatomy(ei.draw_patient(7, config.cohort), config.anatomy)
usual = anatomy.electrodes(0, 9)

# 35 mm up, then back onto the skin; names say which lead an electrode belongs to.
high = np.isin(usual.names, ["V1", "V2"])
raised = anatomy.on_skin(usual.points + high[:, None] * np.array([0.0, 0.0, 35.0]))
placed = ei.Electrodes(usual.names, np.where(high[:, None], raised, usual.points))

everywhere = np.concatenate([usual.points, placed.points])  # meshes are refined at electrodes
mesh = ei.tetrahedralise(anatomy.surfaces, everywhere, config.mesh, anatomy.patient)
patient = ei.Patient.of(anatomy, mesh)
fibers, coordinates = ei.assign_fibers(patient, config.fibers), ei.ventricular_coordinates(patient)
patient = patient.with_stages(fibers, coordinates)
patient = patient.with_stages(ei.grow_tree(patient, config.purkinje))
beat = ei.activate(patient, "sinus", config.activation)

settings = ei.SimulationSettings.of(config)
r_wave, ecgs = {}, {}
for name, electrodes in (("usual", usual), ("high", placed)):
    lead_fields = ei.solve_lead_fields(patient, electrodes, config.leadfield)
    ecg = ei.simulate_ecg(patient, lead_fields, beat, settings)
    ecgs[name] = ecg.ecg[0]
    r_wave[name] = ecg.ecg[0, 6:8, ecg.time < 60.0].max(axis=0)  # V1, V2, mV
    print(f"{name}: r in V1 {r_wave[name][0]:.2f} mV, in V2 {r_wave[name][1]:.2f} mV")

figure = ei.ecg_figure(ecg.time, {"fem": ecgs["usual"], "V1 and V2 high": ecgs["high"]})
