"""Search on training patients for early sites, speeds and APD gradients with normal ECGs.

`activation` searches where and when the fascicles reach the endocardia and how fast trees,
endocardia and wall conduct; `repolarisation` searches the gradients of the action potential's
duration for the config's activation. Both ask for the least sum of squared excesses over ranges of
normal features, mean over the patients, by tree-structured Parzen estimators (optuna). The
defaults of the sections purkinje, activation and repolarisation began here;
docs/studies/2026-11-23-physiology-fit.md says what was changed by hand since.

Usage: python studies/physiology_fit.py activation|repolarisation RESULTS --patients p0000 ...
       [--trials N] [--seed S] [--json OUT] [--config FILE]
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import optuna

from einthoven.base.config import Config, load
from einthoven.base.config.electrophysiology import (
    EarlySiteSettings,
    PurkinjeSettings,
    RepolarisationSettings,
)
from einthoven.base.core.files import write_json
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.physics.ecg.features import EcgSample, feature_row
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.scenarios import activate

type Ranges = Mapping[str, tuple[float, float, float]]
"""Feature -> lowest, highest, and the excess that costs one."""

QRS: Ranges = {
    "qrs_ms": (82, 96, 5), "qrs_axis_deg": (5, 70, 15), "q_widest_ms": (0, 25, 5),
    "r_mv_v1": (0.1, 0.5, 0.1), "s_mv_v1": (0.5, 1.5, 0.4), "s_mv_v2": (0.5, 2.5, 0.5),
    "r_mv_v5": (0.8, 2.3, 0.4), "r_mv_v6": (0.6, 2.0, 0.4), "r_mv_i": (0.25, 1.2, 0.4),
    "r_fraction_v1": (0.05, 0.42, 0.1), "r_fraction_v2": (0.12, 0.48, 0.1),
    "r_fraction_v3": (0.2, 0.75, 0.1), "r_fraction_v4": (0.5, 0.9, 0.1),
    "r_fraction_v5": (0.65, 1.0, 0.1), "r_fraction_v6": (0.75, 1.0, 0.1),
    "r_fraction_i": (0.65, 1.0, 0.1), "r_fraction_ii": (0.65, 1.0, 0.1),
}  # fmt: skip
BLOCKS_MS: Ranges = {"lbbb": (135, 165, 7), "rbbb": (122, 147, 7), "crt": (135, 180, 10)}
T: Ranges = {
    "t_mv_i": (0.15, 0.35, 0.08), "t_mv_ii": (0.2, 0.45, 0.08), "t_mv_avr": (-0.38, -0.15, 0.08),
    "t_mv_v1": (-0.1, 0.2, 0.08), "t_mv_v2": (0.2, 0.8, 0.08), "t_mv_v3": (0.25, 0.8, 0.08),
    "t_mv_v4": (0.25, 0.7, 0.08), "t_mv_v5": (0.3, 0.45, 0.08), "t_mv_v6": (0.2, 0.45, 0.08),
    "qt_ms": (375, 430, 12), "t_peak_to_end_ms": (66, 105, 6), "t_axis_deg": (15, 70, 15),
    "qrs_t_angle_deg": (10, 94, 8),
}  # fmt: skip
WORST = 9.0
"""A wave that cannot be measured costs as much as one that is three units off."""


def cost(found: Mapping[str, float], ranges: Ranges) -> float:
    """Sum over the features of their squared excess, each at most `WORST`."""
    total = 0.0
    for name, (low, high, unit) in ranges.items():
        excess = max(low - found[name], found[name] - high, 0.0) / unit
        total += min(excess**2, WORST) if np.isfinite(excess) else WORST
    return total


class Subject:
    """A patient of a finished run, with lead-field gradients."""

    def __init__(self, folder: Path, config: Config):
        files = {stage: folder / f"{stage}.npz" for stage in ("anatomy", "mesh", "fibers")}
        self.bare, self.config = Patient.of_files(**files), config
        fields = LeadFields.gather(sorted(folder.glob("leadfield_b*.npz")))
        self.fields: LeadFieldGradients = fields.gradients(self.bare.heart)

    def with_tree(self, purkinje: PurkinjeSettings) -> Patient:
        """The patient with trees."""
        return self.bare.with_stages(grow_tree(self.bare, purkinje))

    def features(
        self, patient: Patient, beat: Activation, durations: RepolarisationSettings
    ) -> dict:
        """Features of one beat."""
        settings = SimulationSettings(self.config.ecg, self.config.leadfield, durations)
        ecg = simulate_ecg(patient, self.fields, beat, settings)
        return dict(feature_row(EcgSample.of_ecg(ecg), beat.scenario).values)


def early_sites(trial: optuna.Trial) -> list[EarlySiteSettings]:
    """Sites within the areas that Durrer 1970 found."""
    f = trial.suggest_float
    areas = {
        "anterior": (0.5, 0.88, 25, 75, 0, 4),
        "septal": (0.35, 0.72, -20, 20, 0, 4),
        "posterior": (0.2, 0.6, -75, -20, 0, 6),
        "right": (0.2, 0.6, 0, 65, 4, 17),
    }
    return [
        EarlySiteSettings.model_validate({
            "fascicle": name,
            "z": f(f"{name}_z", z0, z1),
            "phi_deg": f(f"{name}_phi_deg", phi0, phi1),
            "time_ms": f(f"{name}_ms", ms0, ms1),
        })
        for name, (z0, z1, phi0, phi1, ms0, ms1) in areas.items()
    ]  # fmt: skip


def of_activation(trial: optuna.Trial, subjects: list[Subject], config: Config) -> float:
    """Mean cost of the QRS, and of the durations of blocks and CRT."""
    f = trial.suggest_float
    sites = early_sites(trial)
    purkinje = config.purkinje.model_copy(update={
        "early_sites": sites,
        "lv_top_z": min(1.0, sites[0].z + f("lv_tree_above_anterior_site", 0.04, 0.4)),
        "rv_top_z": f("rv_top_z", 0.7, 1.0),
        "speed_mm_per_ms": f("tree", 1.4, 4.0),
    })  # fmt: skip
    section = config.activation.model_copy(update={
        "cv_fiber_mm_per_ms": f("fiber", 0.4, 0.75),
        "cv_transverse_mm_per_ms": f("transverse", 0.2, 0.36),
        "cv_lv_endocardium_mm_per_ms": f("lv_endocardium", 0.6, 1.15),
        "cv_rv_endocardium_mm_per_ms": f("rv_endocardium", 0.55, 1.3),
        "pmj_antegrade_ms": f("antegrade", 3, 8),
        "pmj_retrograde_ms": f("retrograde", 1, 3),
    })  # fmt: skip
    total = 0.0
    for subject in subjects:
        patient = subject.with_tree(purkinje)
        beats = {name: activate(patient, name, section) for name in ("sinus", *BLOCKS_MS)}
        found = subject.features(patient, beats["sinus"], config.repolarisation)
        total += cost(found, QRS)
        total += cost({name: beats[name].total_ms for name in BLOCKS_MS}, BLOCKS_MS)
    return total / len(subjects)


def of_repolarisation(trial: optuna.Trial, beats: list[tuple[Subject, Patient, Activation]]):
    """Mean cost of the T wave in sinus rhythm."""
    f = trial.suggest_float
    durations = RepolarisationSettings(
        field="gradients",
        mean_ms=f("mean_ms", 270, 325),
        apex_to_base_ms=f("apex_to_base_ms", -40, 90),
        anterior_to_posterior_ms=f("anterior_to_posterior_ms", -60, 60),
        rv_to_lv_ms=f("rv_to_lv_ms", -60, 40),
        endo_to_epi_ms=f("endo_to_epi_ms", -70, 40),
    )
    costs = [cost(its.features(patient, beat, durations), T) for its, patient, beat in beats]
    return float(np.mean(costs))


def main() -> None:
    """Search, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["activation", "repolarisation"])
    parser.add_argument("results", type=Path, help="folder of a run, with lead fields")
    parser.add_argument("--patients", nargs="+", required=True, help="of the training split")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    options = parser.parse_args()
    config = load(options.config)
    subjects = [Subject(options.results / "patients" / name, config) for name in options.patients]
    sampler = optuna.samplers.TPESampler(seed=options.seed, multivariate=True)
    study = optuna.create_study(sampler=sampler)
    if options.what == "activation":
        study.optimize(lambda trial: of_activation(trial, subjects, config), options.trials)
    else:
        patients = [subject.with_tree(config.purkinje) for subject in subjects]
        beats = [activate(patient, "sinus", config.activation) for patient in patients]
        known = list(zip(subjects, patients, beats))
        study.optimize(lambda trial: of_repolarisation(trial, known), options.trials)
    print(f"{study.best_value:.2f}", {k: round(v, 3) for k, v in study.best_params.items()})
    if options.json:
        rows = [{"cost": trial.value, **trial.params} for trial in study.trials]
        write_json(options.json, {"best": study.best_params, "trials": rows})


if __name__ == "__main__":
    main()
