"""Effect of conductivities of lungs and blood on the lead field and the 12-lead ECG.

Each demo patient is meshed once, with lungs; an organ is removed by giving it the conductivity
of the torso around it, so that only the conductivity differs.

Usage: python studies/organs.py [--patients N] [--json OUT] [--plot PNG]
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from einthoven.base.config import Config
from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.base.config.models import AnatomySettings
from einthoven.base.core.files import write_json
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.electrophysiology.cells.template import template
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.solve import solve_lead_fields

CONFIG = Config()
LUNG, BLOOD = CONFIG.leadfield.sigma_lung_s_per_m, 0.7
CASES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "lungs, as published": (dict(torso=0.06, blood=0.06, lung=0.06), dict(lung=LUNG)),
    "lungs, torso 0.2 and blood 0.7": (dict(torso=0.2, blood=BLOOD, lung=0.2), dict(lung=LUNG)),
    "blood 0.7, as published": (dict(torso=0.06, blood=0.06, lung=0.06), dict(blood=BLOOD)),
}
"""Name -> conductivities (S/m) without the organ, and what changes with it."""
CLOCK = np.arange(-20.0, 500.0)
NINE = len(STANDARD_ELECTRODES)


class OrganSolution(NamedTuple):
    """gradient [electrode, heart cell, 3] kOhm/mm and ecg [lead, time] mV."""

    gradient: np.ndarray
    ecg: np.ndarray


class OrganSubject:
    """One patient with lungs, a sinus beat, and all that does not depend on conductivities."""

    def __init__(self, index: int):
        body = build_anatomy(draw_patient(index, CONFIG.cohort), AnatomySettings(lungs=True))
        self.electrodes = body.electrodes(0, NINE)
        refined = body.site_points[: NINE + CONFIG.electrodes.n_refined]
        mesh = tetrahedralise(body.surfaces, refined, CONFIG.mesh, body.patient)
        bare = Patient.of(mesh)
        stages = (mesh, assign_fibers(bare, CONFIG.fibers), ventricular_coordinates(bare))
        tree = grow_tree(Patient.of(*stages), PurkinjeSettings(seed=7))
        self.patient = Patient.of(*stages, tree)
        beat = activate(self.patient, "sinus", CONFIG.activation)
        self.tau, self.volume = beat.activation_time, self.patient.heart.volumes

    def solve(self, sigmas: Mapping[str, float]) -> OrganSolution:
        """Lead field and sinus beat with other conductivities."""
        update = {f"sigma_{key}_s_per_m": value for key, value in sigmas.items()}
        config, heart = CONFIG.leadfield.model_copy(update=update), self.patient.heart
        fields = solve_lead_fields(self.patient, self.electrodes, config)
        gradient = fields.gradients(heart).grad
        sigma_i = intracellular(self.patient.fibers.f0, config)
        phi = forward_potential(heart, sigma_i, self.tau, gradient, CLOCK, template(0.1))
        return OrganSolution(gradient, twelve_lead(STANDARD_ELECTRODES, phi))

    def compare(self, without: OrganSolution, with_it: OrganSolution) -> dict[str, float]:
        """Means over electrodes and the heart's volume; the ECG over all leads and times."""
        old, new = without.gradient, with_it.gradient
        lengths = [np.linalg.norm(field, axis=2) for field in (old, new)]
        cosine = np.einsum("eci,eci->ec", old, new) / (lengths[0] * lengths[1])
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        change = np.square(new - old).sum(axis=2) @ self.volume
        ecg = with_it.ecg - without.ecg
        return {
            "angle_deg": float(np.average(angle.mean(axis=0), weights=self.volume)),
            "gradient_rel_l2": float(np.sqrt(change / (lengths[0] ** 2 @ self.volume)).mean()),
            "ecg_rel_l2": float(np.linalg.norm(ecg) / np.linalg.norm(without.ecg)),
            "amplitude_ratio_min": float((np.ptp(with_it.ecg, 1) / np.ptp(without.ecg, 1)).min()),
            "amplitude_ratio_max": float((np.ptp(with_it.ecg, 1) / np.ptp(without.ecg, 1)).max()),
        }


def plot(pairs: Mapping[str, tuple[OrganSolution, OrganSolution]], path: Path) -> None:
    """The QRS of some leads, without (grey) and with (black) the organ: a row per case."""
    from einthoven.base.plots.style import house_style, new_figure

    figure = new_figure(10, 2.1 * len(pairs))
    with house_style():
        panels = figure.subplots(len(pairs), 6, sharex=True, sharey="row")
        for row, (name, pair) in zip(panels, pairs.items()):
            for axes, lead in zip(row, ("I", "II", "aVF", "V1", "V3", "V6")):
                for solution, colour in zip(pair, ("#999999", "black")):
                    axes.plot(CLOCK, solution.ecg[LEADS.index(lead)], color=colour, lw=1.2)
                axes.set(title=lead, xlim=(-20, 130))
            row[0].set_ylabel(f"{name}\n(mV)", fontsize=7)
        for axes in panels[-1]:
            axes.set_xlabel("ms")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    for index in range(options.patients):
        subject = OrganSubject(index)
        pairs = {}
        for name, (without, change) in CASES.items():
            pairs[name] = subject.solve(without), subject.solve(without | change)
            rows[name].append(subject.compare(*pairs[name]))
        if index == 0 and options.plot:
            plot(pairs, options.plot)
    result = {
        name: {key: [row[key] for row in found] for key in found[0]} for name, found in rows.items()
    }
    for name, values in result.items():
        print(
            name,
            {key: f"{np.mean(v):.3f} ({min(v):.3f} to {max(v):.3f})" for key, v in values.items()},
        )
    if options.json:
        write_json(options.json, result)


if __name__ == "__main__":
    main()
