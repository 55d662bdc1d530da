"""Choose a physiology for each virtual patient so that together their ECGs are like people's.

For a finished run with `variation.people: true`. Each patient has many candidates: other early
sites, speeds and durations in the same body. Their sinus beats are simulated (a tenth of a second
each), and one is drawn by weights that a classifier of candidates against recorded people gives.
With --keep the bodies are chosen, too: make more of them than you need. The file that is written
goes into the config; the next run computes what it changes.

    einthoven calibrate results --against ptb-xl --healthy --to people_draws.csv
    # config: variation.people_draws: people_draws.csv
"""

import argparse
from pathlib import Path

from einthoven.app.cli.options import add_run_config, natural, positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("results", metavar="FOLDER", type=Path, help="results of the run, with patients/")
    add("--against", metavar="FOLDER", type=Path, required=True,
        help="recordings of people")  # fmt: skip
    add("--table", metavar="CSV", type=Path, help="sheet of these people; default: in the folder")
    add("--healthy", action="store_true", help="healthy adults alone, as the sheet says")
    add("--part", choices=["fit"], help="of PTB-XL: leave out those on whom realism is judged")
    add("--candidates", metavar="N", type=positive_int, default=200, help="per patient")
    add("--keep", metavar="N", type=positive_int,
        help="patients to keep, the same share of each split; default: all")  # fmt: skip
    add("--jobs", metavar="N", type=positive_int, default=1, help="patients at a time")
    add("--seed", metavar="N", type=natural, default=1, help="of the choice")
    add("--to", metavar="CSV", type=Path, required=True, help="file of patients and draws to write")
    add_run_config(command)


def run(arguments: argparse.Namespace) -> None:
    """Write the file; print what changed."""
    import numpy as np

    from einthoven.app.cli.options import config_of
    from einthoven.app.evaluation.realism.calibrated_population import (
        Kept,
        calibrated,
        median_difference,
    )
    from einthoven.app.evaluation.realism.candidates import all_candidates, finished_patients
    from einthoven.app.evaluation.realism.reading import GroupChoice, read_people
    from einthoven.app.run.plan import Plan
    from einthoven.base.config.calibrated import write_draws

    config = config_of(arguments.config)
    choice = GroupChoice("", arguments.table, arguments.healthy, part=arguments.part)
    people = read_people([arguments.against], "people", choice).people
    folders, kept = finished_patients(arguments.results), None
    if arguments.keep:
        kept = Kept.of_run(Plan.of(config).splits, [f.name for f in folders], arguments.keep)
    candidates = all_candidates(folders, config, arguments.candidates, arguments.jobs)
    found = calibrated(candidates, people, arguments.seed, kept)
    write_draws(arguments.to, found.draws)
    before, after = (median_difference(rows, people) for rows in (found.before, found.after))
    print(
        f"{len(found.after)} of {len(found.draws)} patients, {arguments.candidates} candidates "
        f"each, {len(people)} people: the median standardised difference of a feature is "
        f"{after:.2f} ({before:.2f} before); in the median {np.median(found.effective):.0f} "
        "candidates of a patient count. These people chose, so judge on others. "
        f"Next: variation.people_draws: {arguments.to}"
    )
