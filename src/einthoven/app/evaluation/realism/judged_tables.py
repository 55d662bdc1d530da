"""Tables and sentences of the judge of realism."""

from einthoven.app.evaluation.realism.differences import FeatureDifference
from einthoven.app.evaluation.realism.groups import MECHANISMS, lead_of, wave_of
from einthoven.app.evaluation.realism.judge import JudgedRealism
from einthoven.physics.ecg.features import label_of

AREA_NAMES = {
    "features_logistic": "all features, logistic regression",
    "features_forest": "all features, random forest",
    "qrs_logistic": "QRS alone, logistic regression",
    "t_logistic": "T wave alone, logistic regression",
    "global_logistic": "global features, logistic regression",
    "beats_components": "beats, logistic regression on principal components",
}
"""Name of an area -> what is classified, and how."""
NONE = "-"


def telling_table(judged: JudgedRealism) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text of the features that differ most, in matched people."""
    header = ["feature", "simulated", "real", "SMD", "spread", "AUC", "wave: what makes it"]
    return header, [_row(one) for one in judged.telling]


def _row(one: FeatureDifference) -> list[str]:
    wave = wave_of(one.feature)
    medians = [f"{m:.3g} (SD {sd:.2g})" for m, sd in zip(one.medians, one.sds)]
    ratio = NONE if one.spread_ratio is None else f"{one.spread_ratio:.2f}"
    return [label_of(one.feature), *medians, f"{one.smd:+.2f}", ratio, f"{one.auc:.2f}",
            f"{wave}: {MECHANISMS[wave]}"]  # fmt: skip


def area_table(judged: JudgedRealism) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text of the areas under ROC curves, with those of the controls."""
    columns = {
        "matched": judged.areas,
        "all": judged.areas_of_all,
        "control": judged.control_areas,
        "halves": judged.halves,
    }
    shown = {name: areas for name, areas in columns.items() if areas}
    rows = [
        [text, *(str(areas[name]) if name in areas else NONE for areas in shown.values())]
        for name, text in AREA_NAMES.items()
        if name in judged.areas
    ]
    return ["AUC of", *shown], rows


def statements(judged: JudgedRealism) -> list[str]:
    """Sentences on matching, medians over all features, and the discrepancy."""
    lines = [judged.matching.statement]
    if judged.control_matching:
        lines.append(f"control: {judged.control_matching.statement}")
    pairs = [("matched", judged.matched), ("all", judged.everyone), ("control", judged.control)]
    for label, one in pairs:
        if one is None or (label == "all" and not judged.matching.by):
            continue
        found = one.found({})
        robust = found["median_spread_ratio_robust"]
        lines.append(
            f"{label}: median |SMD| {found['median_abs_smd']:.2f}, median ratio of spreads "
            f"{_number(found['median_spread_ratio'])} (interquartile {_number(robust)}) of "
            f"{found['n_features']} features; MMD^2 {one.discrepancy.mmd2:.3f}, "
            f"p {one.discrepancy.p:.3f}; n {found['n'][0]} and {found['n'][1]}"
        )
    no_p = sum(why.startswith("no P wave") for why in judged.left_out.values())
    if judged.left_out:
        need = f", of which {no_p} need a P wave in both groups" if no_p else ""
        lines.append(f"features not compared: {len(judged.left_out)}{need}")
    leads = list(dict.fromkeys(lead for one in judged.telling if (lead := lead_of(one.feature))))
    if leads:
        lines.append("which regions of a heart make these waves: einthoven explain PATIENT --leads "
                     + " ".join(leads[:4]))  # fmt: skip
    return lines


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
