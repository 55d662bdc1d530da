"""Print the JSON schema of a config file."""

import argparse

from einthoven.base.config.render import schema


def add_arguments(_command: argparse.ArgumentParser) -> None:
    """The command takes nothing."""


def run(_arguments: argparse.Namespace) -> None:
    """Print the schema."""
    print(schema(), end="")
