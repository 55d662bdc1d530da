"""One virtual patient, from shape coefficients to a 12-lead ECG. Run by the tests."""

import einthoven as ei

config = ei.Config()
anatomy = ei.build_anatomy(ei.draw_patient(7, config.cohort), config.anatomy)
electrodes = anatomy.electrodes(0, 9)  # those of the 12-lead ECG
mesh = ei.tetrahedralise(anatomy.surfaces, electrodes.points, config.mesh, anatomy.patient)

patient = ei.Patient.of(anatomy, mesh)
fibers, coordinates = ei.assign_fibers(patient, config.fibers), ei.ventricular_coordinates(patient)
patient = patient.with_stages(fibers, coordinates)
patient = patient.with_stages(ei.grow_tree(patient, config.purkinje))
activation = ei.activate(patient, "sinus", config.activation)

lead_fields = ei.solve_lead_fields(patient, electrodes, config.leadfield)  # [electrode, node] kOhm
settings = ei.SimulationSettings.of(config)
ecg = ei.simulate_ecg(patient, lead_fields, activation, settings)
qrs = ei.qrs_duration(ecg.ecg[0], ecg.time)
print(f"{len(mesh.points)} nodes, QRS {qrs:.0f} ms, R in V5 {ecg.ecg[0, 10].max():.1f} mV")

figure = ei.ecg_figure(ecg.time, {"fem": ecg.ecg[0]}, "one virtual patient, sinus rhythm")
