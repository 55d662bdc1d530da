"""One patient's ECG by the shipped model, beside that of solved lead fields. Run by the tests."""

import einthoven as ei

model, config = ei.Pretrained.load(), ei.Config()

anatomy = ei.build_anatomy(ei.draw_patient(7, config.cohort), config.anatomy)
electrodes = anatomy.electrodes(0, 9)
patient = ei.Patient.of(
    anatomy, ei.tetrahedralise(anatomy.surfaces, electrodes.points, config.mesh, anatomy.patient)
)
fibers, coordinates = ei.assign_fibers(patient, config.fibers), ei.ventricular_coordinates(patient)
patient = patient.with_stages(fibers, coordinates)
patient = patient.with_stages(ei.grow_tree(patient, config.purkinje))
patient = patient.with_stages(ei.activate(patient, "sinus", config.activation))

predicted = ei.predict(model, patient, electrodes, config)  # gradients, ECG, their uncertainty
print(predicted.ecg.shape, predicted.out_of_distribution["in_distribution"])

lead_fields = ei.solve_lead_fields(patient, electrodes, config.leadfield)
settings = ei.SimulationSettings.of(config)
solved = ei.simulate_ecg(patient, lead_fields, patient.activation("sinus"), settings)

figure = ei.ecg_figure(solved.time, {"fem": solved.ecg[0], "operator": predicted.ecg[0]})
