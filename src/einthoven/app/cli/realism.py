"""Distinguish simulated ECGs from people's by classifiers, and say which features give them away.

Simulated patients (a run's results, patients' folders, a store) are compared with recordings of
people: features matched by heart rate, age and sex as far as both state them, standardised
differences, ratios of spreads, and areas under ROC curves from cross-validation (0.5: nobody can
distinguish them, 1: without an error). `--control` says how far recordings of two data bases
differ. Recordings are a folder with a sheet of people (PTB-XL, LUDB, or file, patient, sex,
age_years, healthy), of which the first recording of each person counts, or any recordings.

    einthoven realism results --against ptb-xl --healthy --control ludb --figure realism.png
"""

import argparse
from pathlib import Path

from einthoven.app.cli.options import add_declared, natural


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("simulated", metavar="STORE|FOLDER", type=Path, help="simulated patients")
    add("--against", metavar="FOLDER", type=Path, required=True, help="recordings of people")
    add("--control", metavar="FOLDER", type=Path, help="recordings of other people")
    add("--scenario", metavar="NAME", default="sinus", help="simulated beat to compare")
    add("--table", metavar="CSV", type=Path,
        help="sheet of the people of --against; default: the one in its folder")  # fmt: skip
    add("--control-table", metavar="CSV", type=Path, help="the same of --control")
    add("--healthy", action="store_true", help="healthy adults alone, as the sheets say")
    add("--json", metavar="OUT", type=Path, help="also write all numbers to this file")
    add("--figure", metavar="OUT", type=Path,
        help="mean beats and the ten features that differ most, .png, .svg or .pdf")  # fmt: skip
    add("--seed", metavar="N", type=natural, default=0, help="of folds and permutations")
    add_declared(command)


def run(arguments: argparse.Namespace) -> None:
    """Print the tables; write JSON and figure."""
    from tabulate import tabulate

    from einthoven.app.evaluation.ecg_files import ReadOptions
    from einthoven.app.evaluation.realism.judge import judge_realism
    from einthoven.app.evaluation.realism.judged_tables import area_table, statements, telling_table
    from einthoven.app.evaluation.realism.reading import GroupChoice, read_people
    from einthoven.app.report.realism import raise_if_no_picture, write_realism_figure
    from einthoven.base.core.files import write_json
    from einthoven.physics.ecg.recordings.recording import Declared

    if arguments.figure:
        raise_if_no_picture(arguments.figure)
    options = ReadOptions(Declared(arguments.rate_hz, arguments.unit))
    scenario, healthy = arguments.scenario, arguments.healthy
    groups = {"simulated": (arguments.simulated, GroupChoice(scenario, options=options))}
    groups["real"] = arguments.against, GroupChoice(scenario, arguments.table, healthy, options)
    if arguments.control:
        choice = GroupChoice(scenario, arguments.control_table, healthy, options)
        groups["control"] = arguments.control, choice
    found = {label: read_people([path], label, choice) for label, (path, choice) in groups.items()}
    people = {label: group.people for label, group in found.items()}
    judged = judge_realism(**people, seed=arguments.seed)
    for header, lines in (telling_table(judged), area_table(judged)):
        print(tabulate(lines, header, disable_numparse=True), end="\n\n")
    for line in (*(note for group in found.values() for note in group.notes), *statements(judged)):
        print(line)
    left_out = {name: why for group in found.values() for name, why in group.left_out.items()}
    for name, why in left_out.items():
        print(f"left out: {name}: {why.removeprefix(f'{name}: ')}")
    if arguments.json:
        sizes = {f"n_{label}": len(group) for label, group in people.items()}
        given = {"seed": arguments.seed, "scenario": scenario, "left_out": left_out}
        write_json(arguments.json, judged.found | sizes | given)
    if arguments.figure:
        write_realism_figure(arguments.figure, judged)
