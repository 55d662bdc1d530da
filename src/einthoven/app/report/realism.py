"""Pictures and section of the report on the realism of simulated ECGs."""

from pathlib import Path

from einthoven.app.evaluation.realism.judge import JudgedRealism
from einthoven.app.evaluation.realism.judged_tables import area_table, statements, telling_table
from einthoven.app.report.audit import KINDS
from einthoven.app.report.page import PageSection, Picture, Table
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic
from einthoven.base.plots.realism import GroupsOfBeats, realism_figure
from einthoven.physics.ecg.features import TRACE_MS, label_of

CAPTION = (
    "Matched people. Above: mean beats and the band that holds most people at each time; small "
    "squares are 40 ms by 0.1 mV. Below: the features that differ most, every point a person; "
    "boxes are quartiles, whiskers the ends of the band."
)


def groups_of(judged: JudgedRealism) -> GroupsOfBeats:
    """Matched people and their most telling features, as the picture shows them."""
    matched = judged.matched
    sides = matched.one, matched.other
    features = {}
    for one in judged.telling:
        k = matched.one.feature_names.index(one.feature)
        features[label_of(one.feature)] = sides[0].features[:, k], sides[1].features[:, k]
    labels, traces = (sides[0].label, sides[1].label), (sides[0].traces, sides[1].traces)
    return GroupsOfBeats(labels, TRACE_MS, traces, features)


def raise_if_no_picture(path: Path) -> None:
    """Refuse an unknown picture format before anything is computed.

    Raises:
        BadInput: another suffix.
    """
    if path.suffix not in KINDS:
        raise BadInput(f"{path}: a picture must end in {', '.join(KINDS)}")


def write_realism_figure(path: str | Path, judged: JudgedRealism) -> None:
    """Draw mean beats and the features that differ most.

    Args:
        path: .png, .svg or .pdf. judged: comparison to draw.

    Raises:
        BadInput: an unknown picture format.
    """
    path = Path(path)
    raise_if_no_picture(path)
    area = judged.areas["features_logistic"]
    title = f"Simulated and real people, matched: AUC {area} by a logistic classifier"
    figure = realism_figure(groups_of(judged), title)
    with atomic(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])


def realism_section(judged: JudgedRealism) -> PageSection:
    """Section of the report: areas, the features that differ most, and the picture."""
    text = (
        "How well classifiers distinguish the simulated ECGs from recordings of people that they "
        "have not seen (AUC 0.5: not at all, 1: without an error). "
        + ". ".join(statements(judged)) + "."
    )  # fmt: skip
    area = judged.areas["features_logistic"]
    content: list[Table | Picture] = [
        Picture(realism_figure(groups_of(judged), f"AUC {area}"), CAPTION),
        Table(*area_table(judged), caption="Mean over folds and repeats ± standard error."),
        Table(*telling_table(judged), caption="Medians; SMD: standardised mean difference."),
    ]
    return PageSection("Electrocardiograms beside those of people", text, content)
