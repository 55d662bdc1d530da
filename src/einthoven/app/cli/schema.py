"""Print the JSON schema of a config file, for editors.

An editor that reads it completes the keys and marks wrong ones.

    einthoven schema > config/schema.json
"""

import argparse


def add_arguments(_command: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(_arguments: argparse.Namespace) -> None:
    """Print the schema."""
    from einthoven.base.config.load import schema

    print(schema(), end="")
