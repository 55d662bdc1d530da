"""The page of all inverse methods on problems with known answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from einthoven.app.report.page import PageSection, Picture, Table, write_page
from einthoven.base.plots.inverse_curves import errors_figure

Problems = Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]
"""Problem -> method -> noise -> row, as `synthetic.trials.summary`."""
COLUMNS = {
    "re": "RE", "cc": "CC", "at_error_ms": "activation (ms)", "at_cc": "CC of activation",
    "site_error_mm": "site (mm)", "coverage_90": "in 90 % interval", "transfer_rel": "lead field",
    "seconds": "s",
}  # fmt: skip
"""Number -> header; empty columns are left out."""
LEAD = (
    "Mean and standard deviation over repeats of the noise. Weights are chosen blind, by the "
    "criterion of the configuration. RE and CC are eqs. (19) and (20) of Zhu 2025; activation is "
    "the mean absolute error, in the problems of Zhu 2025 at 12.9 ms per unit of time."
)
OPERATORS = (
    "V_m on the muscle's whole surface, endo- and epicardium, in the QRS of the test patients, by "
    "Tikhonov's method of second order. Potentials were simulated with the finite elements' lead "
    "fields; rows differ in the lead fields that they are reconstructed with. Lead field: relative "
    "difference of the transfer matrix from the finite elements'. torso-smaller, torso-larger: by "
    "a tenth; torso-other: another patient's, the hearts at one place."
)


def write_inverse_page(
    path: str | Path, patient: str, problems: Problems, operators: Problems
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        patient: in whose body the problems are.
        problems: methods.
        operators: origins of lead fields.
    """
    sections = [
        PageSection(
            f"Methods, in the body of {patient}",
            "paper: the problem of Zhu 2025, made with the equation and matrix that methods are "
            "given; physics: its speed is off by so many per cent; heart: misplaced by so many mm; "
            "the others are beats made by finite elements.",
            contents(problems, "method", "relative error of the potentials"),
        ),
        PageSection("Forward operators", OPERATORS,
                contents(operators, "lead fields", "relative error of V_m")),
    ]  # fmt: skip
    write_page(path, "Inverse ECG", LEAD, sections, failures(problems) + failures(operators))


def contents(problems: Problems, heading: str, quantity: str) -> list[Table | Picture]:
    """A picture of all problems and a table of each."""
    picture = Picture(errors_figure(problems), f"{quantity}, mean and SD")
    return [picture, *(table(name, rows, heading) for name, rows in problems.items())]


def table(title: str, rows: Mapping[str, Mapping[str, Mapping[str, Any]]], heading: str) -> Table:
    """All methods and noises of a problem."""
    flat = [(name, noise, row) for name, levels in rows.items() for noise, row in levels.items()]
    shown = [key for key in COLUMNS if any(key in row for *_, row in flat)]
    return Table(
        [heading, "noise", "repeats", *(COLUMNS[key] for key in shown)],
        [[name, noise, str(row["repeats"]), *(number(row.get(key)) for key in shown)]
         for name, noise, row in flat],
        title,
    )  # fmt: skip


def number(value: Mapping[str, float | None] | None) -> str:
    """`0.123 ± 0.004`; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value['mean']:.3g}" + ("" if value["sd"] is None else f" ± {value['sd']:.1g}")


def failures(problems: Problems) -> list[str]:
    """A line for each group of reconstructions of which some failed."""
    return [
        f"{name} in {problem}, noise {noise}: {row['failures']} failed: {'; '.join(row['reasons'])}"
        for problem, methods in problems.items()
        for name, rows in methods.items()
        for noise, row in rows.items()
        if "failures" in row
    ]
