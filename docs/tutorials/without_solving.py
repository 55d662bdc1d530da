"""One patient's ECG by the shipped model, beside that of solved lead fields. Run by the tests."""

import einthoven as ei

model = ei.Pretrained.load()
settings = model.config  # what it was trained on: the published pose and conductivities
coarse = ei.Config()  # meshes of 4 mm do here

anatomy = ei.build_anatomy(ei.draw_patient(7, settings.cohort), settings.anatomy)
electrodes = anatomy.electrodes(0, 9)
patient = ei.Patient.of(
    anatomy, ei.tetrahedralise(anatomy.surfaces, electrodes.points, coarse.mesh, anatomy.patient)
)
fibers, coordinates = ei.assign_fibers(patient, coarse.fibers), ei.ventricular_coordinates(patient)
patient = patient.with_stages(fibers, coordinates)
patient = patient.with_stages(ei.grow_tree(patient, coarse.purkinje))
activation = ei.activate(patient, "sinus", coarse.activation)

lead_fields = ei.solve_lead_fields(patient, electrodes, settings.leadfield)
solved = ei.simulate_ecg(patient, lead_fields, activation, settings.ecg, settings.leadfield)

learned = patient.with_stages(activation, ei.sdf_samples(anatomy, coarse.sdf_samples))
predicted = ei.predict(model, learned, electrodes)
print(predicted.ecg.shape, predicted.out_of_distribution["in_distribution"])
