"""ECGs of hearts with scar or ischaemia, against published criteria: territory by lead.

    python benchmarks/substrate.py CONFIG results/patients --json OUT [--hearts 24]

CONFIG is that of the run which made the patients (mesh, fibres, trees, lead fields). Each heart
gets ischaemia and a scar in each of the three territories, transmural; its sinus beat is simulated
again. Printed and stored: `tq_order` (order of convergence of the resting potential of a ball in a
ball to its closed form), `st_sign_facing`, `st_sign_reciprocal` (shares of heart, territory and
lead in which the J point moves to the right side of that of the same heart when healthy),
`criteria_called` (shares that the ESC/AHA criteria call acute), `q_wave_share` (of scars with a Q
wave of infarction in a facing lead), `cost_ratio` (time of the stage over that of the activation of
all scenarios), the table of territory by lead, and subendocardial ischaemia (TQ depression by
border and anisotropy).
"""

import argparse
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from tabulate import tabulate

from einthoven.app.evaluation.criteria import InfarctCriteria, infarct_criteria
from einthoven.app.run.plan import Plan
from einthoven.base.config import load
from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.substrate import SegmentsSettings, SubstrateSettings, TerritorySettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.log import logger
from einthoven.base.core.names import LEADS
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import beat_features
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.substrate.make import make_substrate
from einthoven.physics.leadfield.conductivity import bulk

FACING = {"LAD": ("V1", "V2", "V3", "V4"), "LCX": ("I", "aVL", "V5", "V6"),
          "RCA": ("II", "III", "aVF")}  # fmt: skip
RECIPROCAL = {"LCX": ("V1", "V2", "V3"), "RCA": ("aVL",)}
"""Leads of published criteria (Thygesen 2018; the LAD's have no reciprocal lead there)."""
ACUTE = SubstrateSettings(kind="ischaemia", severity="severe", border_mm=10.0)
"""Potassium rises over about a centimetre (Coronel et al., Circulation 77:1125, 1988)."""
OLD = SubstrateSettings(kind="scar")
POOR_R_MV = 0.3
"""R in V3 of at most this is poor R progression."""
BORDERS_MM = (0.0, 4.0, 10.0)
SUBENDOCARDIAL = ("V4", "V5", "V6", "II")
TESTS = Path(__file__).resolve().parents[1] / "tests"


@dataclass(frozen=True)
class Beat:
    """One simulated beat."""

    values: dict[str, float]
    criteria: InfarctCriteria

    def level(self, lead: str) -> float:
        """J point, mV."""
        return self.values[f"j_mv_{lead.lower()}"]


@dataclass(frozen=True, eq=False)
class Heart:
    """A patient of the run with its own settings."""

    patient: Patient
    activation: ActivationSettings
    simulation: SimulationSettings
    scenarios: list[str]
    sex: str | None

    @classmethod
    def of(cls, plan: Plan, folder: Path) -> "Heart":
        """A heart from its folder."""
        who, own = SimpleNamespace(patient=folder.name), plan.settings
        leadfield = own.conductivities_of(who) | {"gradient": plan.config.leadfield.gradient}
        sections = own.repolarisation_of(who), own.atria_of(who), own.traits_of(who)
        sheet = folder.parents[1] / "cohort" / f"{folder.name}.json"
        return cls(
            Patient.open(folder),
            ActivationSettings.model_validate(own.activation_of(who)),
            SimulationSettings.of_params(plan.section("ecg"), leadfield, *sections),
            plan.scenarios,
            PatientParameters.load(sheet).sex,
        )

    def diseased(self, section: SubstrateSettings, artery: str) -> Patient:
        """The patient with the territory of an artery diseased."""
        region = TerritorySettings.model_validate({"artery": artery})
        settings = section.model_copy(update={"regions": [region]})
        return self.patient.with_stages(make_substrate(self.patient, settings))

    def beat(self, patient: Patient) -> Beat:
        """A sinus beat; a beat that cannot be delineated has no features."""
        activation = activate(patient, "sinus", self.activation)
        ecg = simulate_ecg(patient, patient.lead_fields, activation, self.simulation)
        age = self.simulation.traits.get("age_years")
        found = delineate(ecg.ecg[0].astype(float), ecg.time)
        values = beat_features(found)
        return Beat(values, infarct_criteria(values, self.sex, age))

    def cost_ratio(self) -> float:
        """Processor time of the stage over that of the activation of all scenarios."""
        start = time.process_time()
        self.diseased(OLD, "LAD")
        middle = time.process_time()
        for scenario in self.scenarios:
            activate(self.patient, scenario, self.activation)
        return (middle - start) / (time.process_time() - middle)

    def subendocardial(self, border_mm: float, equal: bool) -> dict[str, float]:
        """ST change, minus the resting potential, of ischaemia of the inner 40 % of the LV's wall.

        With `equal` the intracellular conductivity has the anisotropy of the whole tissue.
        """
        section = ACUTE.model_copy(update={"border_mm": border_mm, "transmurality": [0.4, 0.4]})
        region = SegmentsSettings(segments=list(range(1, 18)))
        section = section.model_copy(update={"regions": [region]})
        patient = self.patient.with_stages(make_substrate(self.patient, section))
        settings = self.simulation
        membrane = Membrane.of(patient, settings.leadfield, settings.repolarisation)
        sigma_i = membrane.sigma_i
        if equal:
            tensors = bulk(patient.fibers.f0, patient.mesh.cell_tags, settings.leadfield)
            tensors = tensors[: len(sigma_i)]
            sigma_i = tensors * (np.trace(sigma_i[0]) / np.trace(tensors[0]))
        fields = patient.lead_fields.gradients(patient.heart, settings.leadfield.gradient)
        assert membrane.ischaemia is not None
        resting = transfer_matrix(patient.heart, sigma_i, fields.grad) @ membrane.ischaemia.rest
        leads = twelve_lead(fields.electrode_names.tolist(), resting[:, None])[:, 0]
        return dict(zip(LEADS, (-leads).tolist()))


def table_of(changes: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """Territory -> lead -> median ST change mV, share of hearts in which it is positive."""
    return {
        artery: {
            lead: [
                float(np.median(v := [one[lead] for one in rows])),
                float(np.mean(np.array(v) > 0)),
            ]
            for lead in LEADS
        }
        for artery, rows in changes.items()
    }


def sign_share(
    changes: dict[str, list[dict[str, float]]], leads: dict[str, tuple[str, ...]], sign: int
) -> float:
    """Share of hearts, territories and leads whose change has a sign."""
    found = [sign * one[lead] > 0 for artery in leads for one in changes[artery]
             for lead in leads[artery]]  # fmt: skip
    return float(np.mean(found))


def has_q(artery: str, beat: Beat) -> bool:
    """Whether a facing lead has a Q wave of infarction, or V1 and V2 its mirror image (LCX)."""
    mirrored = artery == "LCX" and beat.criteria.tall_r
    return bool(set(FACING[artery]) & set(beat.criteria.q_leads)) or mirrored


def judged(hearts: list[Heart]) -> dict[str, Any]:
    """All figures of the hearts."""
    changes: dict[str, list[dict[str, float]]] = {artery: [] for artery in FACING}
    q: dict[str, list[bool]] = {artery: [] for artery in FACING}
    called: dict[str, list[bool]] = {"infarct": [], "healthy": []}
    q_healthy, poor_r, lost, ratios = [], [], 0, []
    trap: dict[tuple[float, bool], list[dict[str, float]]] = {
        key: [] for key in product(BORDERS_MM, (False, True))
    }
    for heart in hearts:
        healthy = heart.beat(heart.patient)
        called["healthy"].append(healthy.criteria.calls_acute)
        q_healthy.append(healthy.criteria.calls_old)
        ratios.append(heart.cost_ratio())
        for artery in FACING:
            try:
                acute, old = (heart.beat(heart.diseased(s, artery)) for s in (ACUTE, OLD))
            except BadInput as error:
                logger.warning("%s, %s: %s", heart.patient.name, artery, error)
                lost += 1
                continue
            changes[artery].append({lead: acute.level(lead) - healthy.level(lead)
                                    for lead in LEADS})  # fmt: skip
            called["infarct"].append(acute.criteria.calls_acute)
            q[artery].append(has_q(artery, old))
            if artery == "LAD":
                poor_r.append([b.values["r_mv_v3"] <= POOR_R_MV for b in (old, healthy)])
        for key in trap:
            trap[key].append(heart.subendocardial(*key))
    return {
        "n_hearts": len(hearts),
        "n_lost": lost,
        "st_sign_facing": sign_share(changes, FACING, +1),
        "st_sign_reciprocal": sign_share(changes, RECIPROCAL, -1),
        "criteria_called": {name: float(np.mean(found)) for name, found in called.items()},
        "q_wave_share": float(np.mean(sum(q.values(), []))),
        "q_wave_share_by_territory": {a: float(np.mean(v)) for a, v in q.items()},
        "old_called_healthy": float(np.mean(q_healthy)),
        "poor_r_share": dict(zip(("scar", "healthy"), np.mean(poor_r, axis=0).tolist())),
        "cost_ratio": float(np.median(ratios)),
        "st_change_mv": table_of(changes),
        "subendocardial": [
            {
                "border_mm": border,
                "equal_anisotropy": equal,
                "st_mv": {lead: float(np.median([one[lead] for one in rows]))
                          for lead in SUBENDOCARDIAL},
                "depressed_share": float(np.mean([one[lead] < 0 for one in rows
                                                  for lead in SUBENDOCARDIAL])),
            }
            for (border, equal), rows in trap.items()
        ],
    }  # fmt: skip


def tq_order() -> float:
    """Order of convergence of the resting potential to the closed form of the test."""
    sys.path.insert(0, str(TESTS))
    from helpers.resting import order

    return order()


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    rows = [[artery, *(f"{mv:+.2f} ({share:.0%})" for mv, share in leads.values())]
            for artery, leads in found["st_change_mv"].items()]  # fmt: skip
    print(tabulate(rows, ["ST change, mV (share up)", *LEADS]))
    trap = [[row["border_mm"], "equal" if row["equal_anisotropy"] else "as measured",
             f"{row['depressed_share']:.0%}", *(f"{v:+.3f}" for v in row["st_mv"].values())]
            for row in found["subendocardial"]]  # fmt: skip
    print(tabulate(trap, ["border, mm", "anisotropy", "depressed", *SUBENDOCARDIAL]))
    for name, value in found.items():
        if name not in ("st_change_mv", "subendocardial"):
            print(f"{name}: {value}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("config", type=Path)
    add("patients", type=Path, help="folder with a folder per patient")
    add("--hearts", type=int, default=24)
    add("--json", type=Path)
    args = parser.parse_args()
    plan = Plan.of(load(args.config))
    names = plan.patients[: args.hearts]
    found = judged([Heart.of(plan, args.patients / name) for name in names])
    found["tq_order"] = tq_order()
    show(found)
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
