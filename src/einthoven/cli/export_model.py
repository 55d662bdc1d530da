"""Write a trained surrogate with its decoder as one TorchScript file."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = command.add_argument
    add("surrogate", metavar="FOLDER", nargs="?",
        help="results/surrogates/deepsdf-MODEL; default: the shipped")  # fmt: skip
    add("--to", metavar="FILE", required=True)
    add("--encoder", metavar="FOLDER", help="default: of the same run")
    add("--format", choices=["torchscript"], default="torchscript", help="default: %(default)s")


def run(arguments: argparse.Namespace) -> None:
    """Write the file and print its name."""
    from einthoven.prediction.pretrained import Pretrained
    from einthoven.prediction.torchscript import export_folder, export_torchscript

    if arguments.surrogate:
        export_folder(arguments.surrogate, arguments.to, arguments.encoder)
    else:
        model = Pretrained.load()
        about = {"model": model.card["model"], "config": model.card["config"]}
        export_torchscript(arguments.to, model.encoder, model.surrogate.networks, about)
    print(arguments.to)
