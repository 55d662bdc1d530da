"""The P waves of patients against published limits, and their lead fields by two methods.

    python benchmarks/p_wave.py results/patients/p0000 ... --json OUT [--picture FOLDER]
    python benchmarks/p_wave.py --drawn 32 16 --json OUT

The second draws patients 32 to 47, beyond those of the default cohort. For each patient with
finite-element lead fields: duration (activation of the atria, and the time in which the spatial
velocity is at least `VELOCITY_SHARE` of its largest), PR interval, amplitudes and polarities of
the leads, the lowest Ta wave, and the P wave by the torso without heart (the incident field of
boundary elements, which learned lead fields use) relative to finite elements.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

import einthoven as ei
from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.models import Config, EcgSettings
from einthoven.base.core.files import write_json
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.plots.ecg_paper import ecg_figure, ecg_print_figure
from einthoven.base.plots.scene import new_plotter, render, surface, tetrahedra
from einthoven.base.plots.style import new_figure, write_figures
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.torso_fields import TorsoWithoutHeart
from einthoven.physics.ecg.delineation.p_wave import p_wave
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.p_wave import AtrialWave, time_axis
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg

DURATION_MS, PR_MS, MOST_MV = (80.0, 120.0), (120.0, 200.0), 0.25
UPRIGHT, INVERTED = ("I", "II", "V4", "V5", "V6"), ("aVR",)
VELOCITY_SHARE = 0.1
AFTER_MS = 15.0
"""Part of the Ta wave in the search for the end of the P wave."""
VIEWS = {"from the front": (0.0, -1.0, 0.0), "from the back": (0.0, 1.0, 0.0),
         "from the head": (0.0, -0.05, 1.0)}  # fmt: skip
ZOOM = 2.2


def drawn(index: int, config: Config) -> Patient:
    """A virtual patient with mesh, fibres and lead fields, by the default settings."""
    anatomy = ei.build_anatomy(ei.draw_patient(index, config.cohort), config.anatomy)
    electrodes = anatomy.electrodes(0, len(STANDARD_ELECTRODES) + config.electrodes.n_refined)
    mesh = ei.tetrahedralise(anatomy.surfaces, electrodes.points, config.mesh, anatomy.patient)
    patient = ei.Patient.of(anatomy, mesh)
    patient = patient.with_stages(ei.assign_fibers(patient, config.fibers))
    nine = anatomy.twelve_lead_electrodes
    return patient.with_stages(ei.solve_lead_fields(patient, nine, config.leadfield))


def p_waves(
    patient: Patient, atria: AtriaSettings
) -> tuple[AtrialWave, np.ndarray, dict[str, Any]]:
    """The atria of a patient, times from the sinus node, and P waves [12, time] by method."""
    wave = AtrialWave.of(patient.heart, atria)
    fields = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    sigma = Config().leadfield.sigma_torso_s_per_m
    time = time_axis(EcgSettings(), atria)
    boundary = TorsoWithoutHeart(patient.anatomy, fields.electrode_points, sigma)
    grads = {
        "fem": fields.gradients_in_torso(patient.mesh, wave.places),
        "incident": boundary.gradients(wave.places),
    }
    leads = {
        name: twelve_lead(STANDARD_ELECTRODES, wave.potential(grad, time))
        for name, grad in grads.items()
    }
    return wave, time + wave.pr_ms, leads


def measured(wave: AtrialWave, time: np.ndarray, leads: dict[str, Any]) -> dict[str, Any]:
    """Figures of one patient."""
    ecg, last = leads["fem"], float(wave.activation.time.max())
    whole = (time >= -5.0) & (time <= last + AFTER_MS)
    velocity = np.sqrt(np.square(np.gradient(ecg, time, axis=1)).mean(axis=0))
    moving = time[whole & (velocity >= VELOCITY_SHARE * velocity[whole].max())]
    p = ecg[:, (time >= 0) & (time <= last)]
    peaks = {name: [float(row.max()), float(row.min())] for name, row in zip(LEADS, p)}
    areas = dict(zip(LEADS, p.sum(axis=1)))
    by_area = np.degrees(np.arctan2(areas["aVF"] * 2 / 3**0.5, areas["I"]))
    right = [areas[name] > 0 for name in UPRIGHT] + [areas[name] < 0 for name in INVERTED]
    other, before = leads["incident"], time <= wave.pr_ms
    seen = p_wave(time[before], (ecg - ecg[:, before][:, -1:])[:, before], wave.pr_ms)
    return {
        "delineated_ms": seen.end_ms - seen.onset_ms if seen else float("nan"),
        "activation_ms": last,
        "duration_ms": float(moving[-1] - moving[0]),
        "pr_ms": wave.pr_ms,
        "amplitude_mv": peaks["II"][0],
        "axis_deg": float(by_area),
        "ta_ii_mv": float(ecg[LEADS.index("II")].min()),
        "peaks_mv": peaks,
        "polarity": dict(zip((*UPRIGHT, *INVERTED), map(bool, right))),
        "incident_rel_l2": float(np.linalg.norm(other - ecg) / np.linalg.norm(ecg)),
    }


def summary(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Shares and ranges over patients."""
    every = list(rows.values())

    def spread(key: str) -> dict[str, float]:
        values = np.array([row[key] for row in every])
        return {"median": float(np.median(values)), "low": float(values.min()),
                "high": float(values.max())}  # fmt: skip

    def within(key: str, low: float, high: float) -> float:
        return float(np.mean([low <= row[key] <= high for row in every]))

    keys = ("delineated_ms", "activation_ms", "duration_ms", "pr_ms", "amplitude_mv", "axis_deg",
            "ta_ii_mv", "incident_rel_l2")  # fmt: skip
    leads = every[0]["polarity"]
    return {key: spread(key) for key in keys} | {
        "n_patients": len(every),
        "polarity_share": float(np.mean([all(row["polarity"].values()) for row in every])),
        "polarity_share_by_lead": {name: float(np.mean([row["polarity"][name] for row in every]))
                                   for name in leads},
        "v1_biphasic_share": float(np.mean([row["peaks_mv"]["V1"][0] > 0.01 and
                                            row["peaks_mv"]["V1"][1] < -0.01 for row in every])),
        "duration_share": within("duration_ms", *DURATION_MS),
        "delineated_share": within("delineated_ms", *DURATION_MS),
        "pr_share": within("pr_ms", *PR_MS),
        "amplitude_share": within("amplitude_mv", 0.0, MOST_MV),
        "peaks_median_mv": {name: [float(np.median([row["peaks_mv"][name][k] for row in every]))
                                   for k in (0, 1)] for name in LEADS},
    }  # fmt: skip


def scene(patient: Patient, atria: AtriaSettings) -> Figure:
    """Draw the atria by activation time, with ventricles and skin, from the front and the back."""
    wave, heart, anatomy = AtrialWave.of(patient.heart, atria), patient.heart, patient.anatomy
    muscle = tetrahedra(wave.wall.muscle.points, wave.wall.muscle.cells)
    muscle["ms"] = wave.activation.time
    walls = np.concatenate([heart.surface(tag) for tag in (Surface.EPI, Surface.BASE)])
    figure = new_figure(9.0, 3.7)
    for axes, (name, view) in zip(figure.subplots(1, 3), VIEWS.items()):
        plotter = new_plotter(620, 620)
        plotter.add_mesh(surface(anatomy.points, anatomy.skin), color="#E8D3C0", opacity=0.12)
        plotter.add_mesh(surface(heart.points, walls), color="#B03A2E", smooth_shading=True)
        plotter.add_mesh(muscle, scalars="ms", cmap="viridis", show_scalar_bar=False)
        axes.imshow(render(plotter, view, ZOOM))
        axes.set(title=name, xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    norm = Normalize(0.0, float(wave.activation.time.max()))
    bar = ScalarMappable(norm, "viridis")
    figure.colorbar(bar, ax=figure.axes, label="ms after the sinus node", shrink=0.8)
    figure.suptitle(patient.name, size=10)
    return figure


def draw(patient: Patient, atria: AtriaSettings, folder: Path) -> None:
    """Draw the atria, and the whole ECG of the sinus beat on ECG paper."""
    config = Config()
    settings = SimulationSettings(config.ecg, config.leadfield, config.repolarisation, atria)
    fields = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    ecg = simulate_ecg(patient, fields, patient.activation("sinus"), settings)
    title = f"{patient.name}, sinus"
    figures = {
        "p-wave-ecg.png": ecg_figure(ecg.time, {"fem": ecg.ecg[0]}, title),
        "p-wave-print.png": ecg_print_figure(ecg.time, ecg.ecg[0], title),
        "p-wave.png": scene(patient, atria),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_figures(figures, folder)


def main() -> None:
    """Print the summary, and a line for each patient."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patients", nargs="*", type=Path, help="folders with all stages")
    parser.add_argument("--drawn", nargs=2, type=int, metavar=("FIRST", "N"), default=(0, 0),
                        help="draw N patients from number FIRST on")  # fmt: skip
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="folder for ECGs of the first patient")
    args = parser.parse_args()
    section, rows = AtriaSettings(enabled=True), {}
    first, n = args.drawn
    numbers = range(first, first + n)
    for source in (*args.patients, *numbers):
        known = isinstance(source, Path)
        patient = Patient.open(source) if known else drawn(source, Config())
        row = measured(*p_waves(patient, section.of_patient(patient.name)))
        rows[patient.name] = row
        print(f"{patient.name}: {row['activation_ms']:.0f} ms (velocity {row['duration_ms']:.0f}, "
              f"delineated {row['delineated_ms']:.0f}), "
              f"PR {row['pr_ms']:.0f} ms, II {row['amplitude_mv']:.3f} mV, axis "
              f"{row['axis_deg']:.0f} degrees, {sum(row['polarity'].values())} of 6 polarities, "
              f"incident field {row['incident_rel_l2']:.3f}")  # fmt: skip
    found = summary(rows)
    for key, value in found.items():
        print(key, value)
    if args.json:
        write_json(args.json, {"p_wave": found, "patients": rows})
    if args.picture:
        patient = Patient.open(args.patients[0])
        draw(patient, section.of_patient(patient.name), args.picture)


if __name__ == "__main__":
    main()
