"""Write a trained model as one TorchScript file, for use without this library.

einthoven export-model --to model.pt
"""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("surrogate", metavar="FOLDER", nargs="?",
        help="results/surrogates/operator or deepsdf-MODEL; default: shipped model")  # fmt: skip
    add("--to", metavar="FILE", required=True, help="output, such as model.pt")
    add(
        "--encoder",
        metavar="FOLDER",
        help="encoder of deepsdf-MODEL; default: that of the same run",
    )
    add("--format", choices=["torchscript"], default="torchscript",
        help="format of the file")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write the file and print its name."""
    from einthoven.learning.prediction.pretrained import Pretrained
    from einthoven.learning.prediction.torchscript import export_folder, export_operator_folder

    folder = arguments.surrogate
    if folder and Path(folder).resolve().name == "operator":
        export_operator_folder(folder, arguments.to)
    elif folder:
        export_folder(folder, arguments.to, arguments.encoder)
    else:
        Pretrained.load().export(arguments.to)
    print(arguments.to)
