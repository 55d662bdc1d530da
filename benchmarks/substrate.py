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
border and anisotropy). `robustness` has the cost of a scar that nobody knows of: lead fields by
finite elements and by the operator, and digital twins. `late_potentials` has the end of the
filtered QRS after scars, and ST in V7 to V9 in occlusions of the LCX. `imaging` has the figures of
the model for infarcts on hearts never seen (`benchmarks/infarcts.py` has people's, too).
"""

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from infarcts import simulated_figures
from substrate_hearts import ACUTE, FACING, OLD, Beat, SubstrateHeart
from substrate_late import late_potentials
from substrate_robustness import robustness
from tabulate import tabulate

from einthoven.app.run.plan import Plan
from einthoven.base.config import load
from einthoven.base.config.substrate import SegmentsSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.log import logger
from einthoven.base.core.names import LEADS
from einthoven.imaging.infarct.infarct_model import InfarctModel
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.electrophysiology.substrate.make import make_substrate
from einthoven.physics.leadfield.conductivity import bulk

RECIPROCAL = {"LCX": ("V1", "V2", "V3"), "RCA": ("aVL",)}
"""As `FACING`; the LAD's have no reciprocal lead there."""
POOR_R_MV = 0.3
"""R in V3 of at most this is poor R progression."""
BORDERS_MM = (0.0, 4.0, 10.0)
SUBENDOCARDIAL = ("V4", "V5", "V6", "II")
SECTIONS = ("signs", "robustness", "late")
TESTS = Path(__file__).resolve().parents[1] / "tests"


def subendocardial(heart: SubstrateHeart, border_mm: float, equal: bool) -> dict[str, float]:
    """ST change, minus the resting potential, of ischaemia of the inner 40 % of the LV's wall.

    With `equal` the intracellular conductivity has the anisotropy of the whole tissue.
    """
    section = ACUTE.model_copy(update={"border_mm": border_mm, "transmurality": [0.4, 0.4]})
    region = SegmentsSettings(segments=list(range(1, 18)))
    section = section.model_copy(update={"regions": [region]})
    patient = heart.patient.with_stages(make_substrate(heart.patient, section))
    settings = heart.simulation
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


def judged(hearts: list[SubstrateHeart]) -> dict[str, Any]:
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
            trap[key].append(subendocardial(heart, *key))
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
    add("--twins", type=int, default=12, help="hearts of which twins are fitted, four each")
    add("--sections", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION",
        help=f"of {', '.join(SECTIONS)}")  # fmt: skip
    add("--infarcts", type=Path, help="pairs of snakemake infarcts, for the figures of imaging")
    add("--json", type=Path)
    args = parser.parse_args()
    plan = Plan.of(load(args.config))
    hearts = [
        SubstrateHeart.of(plan, args.patients / name) for name in plan.patients[: args.hearts]
    ]
    found: dict[str, Any] = {}
    if "signs" in args.sections:
        found |= judged(hearts) | {"tq_order": tq_order()}
        show(found)
    if "robustness" in args.sections:
        found["robustness"] = robustness(hearts, args.twins)
    if "late" in args.sections:
        found["late_potentials"] = late_potentials(hearts)
    for section in ("robustness", "late_potentials"):
        for name, rows in found.get(section, {}).items():
            print(name, tabulate(rows, headers="keys", floatfmt=".3g"), sep="\n")
    if args.infarcts:
        found["imaging"] = simulated_figures(InfarctModel.load(), InfarctPairs.read(args.infarcts))
        print(f"imaging: {found['imaging']}")
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
