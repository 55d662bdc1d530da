"""A heart with an old infarct: its ECG beside the healthy one. Run by the tests.

The core of a scar has no living cells: it makes no source, and the wave goes round. Q waves in the
leads that face it and a slow end of the QRS are not put in, they come out.
"""

import numpy as np

import einthoven as ei

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
scar = {
    "kind": "scar",
    "regions": [{"by": "territory", "artery": "LAD", "level": "proximal"}],
    "in_lead_field": True,  # scar conducts current better than muscle does
}
config = ei.Config.model_validate({"substrate": scar})
anatomy = ei.build_anatomy(ei.draw_patient(7, config.cohort), config.anatomy)
electrodes = anatomy.electrodes(0, 9)

mesh = ei.tetrahedralise(anatomy.surfaces, electrodes.points, config.mesh, anatomy.patient)
patient = ei.Patient.of(anatomy, mesh)
fibers, coordinates = ei.assign_fibers(patient, config.fibers), ei.ventricular_coordinates(patient)
patient = patient.with_stages(fibers, coordinates)
healthy = patient.with_stages(ei.grow_tree(patient, config.purkinje))
infarct = healthy.with_stages(ei.make_substrate(healthy, config.substrate))
labels = infarct.substrate
print(f"{labels.region}: core {labels.core_ml:.0f} ml, {labels.lv_percent:.0f} % of the LV")

settings, ecgs = ei.SimulationSettings.of(config), {}
for name, person in (("healthy", healthy), ("scar", infarct)):
    lead_fields = ei.solve_lead_fields(person, electrodes, config.leadfield)
    beat = ei.activate(person, "sinus", config.activation)
    ecg = ei.simulate_ecg(person, lead_fields, beat, settings)
    ecgs[name] = ecg.ecg[0]
    r_v3 = ecgs[name][LEADS.index("V3"), ecg.time < 100].max()
    print(f"{name}: QRS {ei.qrs_duration(ecg.ecg[0], ecg.time):.0f} ms, R in V3 {r_v3:.2f} mV")
change = np.abs(ecgs["scar"] - ecgs["healthy"]).max(axis=1)
print(f"largest change in {LEADS[int(change.argmax())]}, {change.max():.1f} mV")

heart = infarct.heart
figure = ei.substrate_figure(heart.points, heart.cells, labels.tissue, ecg.time, ecgs)
