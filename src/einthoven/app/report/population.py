"""The section of the report that compares the shape models with the population."""

from collections.abc import Mapping
from typing import Any

from einthoven.app.report.page import PageSection, Table

SEXES = {"male": "men", "female": "women"}


def population_section(comparison: Mapping[str, Any]) -> PageSection:
    """Mean and SD of each quantity in the population and in our draws, by sex."""
    header = ["quantity"]
    for people in SEXES.values():
        header += [f"{people}: population", f"{people}: ours", f"{people}: difference (SD)"]
    rows, notes = [], []
    for row in sorted(comparison["quantities"].values(), key=lambda row: row["source"]):
        mark = "" if row["comparable"] else " *"
        if mark:
            notes.append(f"* {row['title']}: {row['note']}.")
        cells = [f"{row['title']} ({row['unit']}){mark}"]
        for sex in SEXES:
            found = row[sex]
            cells += [_spread(found["population"]), _spread(found["ours"])]
            cells.append(f"{found['difference_sd']:+.2f}")
        rows.append([*cells, row["source"].split(",")[0]])
    text = (
        f"The shipped shape models and the population: mean ± SD of {comparison['n_draws']} "
        "draws of each sex (cohort.sex; coefficients uniform in ± 1 SD, so the spread is 0.58 of "
        "the atlas'), the population, and the difference of the means in the population's SD. "
        "Stature and body mass index are those asked for; all else is measured on surfaces. "
        + " ".join(notes)
    )
    return PageSection("Shape models and people", text, [Table([*header, "source"], rows)])


def _spread(values: list[float]) -> str:
    mean, sd = values
    digits = 0 if mean >= 100 else 1
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"
