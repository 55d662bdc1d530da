"""Encoders by name; training of one into its folder."""

from pathlib import Path

from einthoven.base.config.section import Section
from einthoven.base.core.errors import BadInput
from einthoven.learning.encoders.base import Encoder, Paths, Source
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.pca import PcaEncoder
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.resume import discard
from einthoven.numerics.training.task import torch_threads

ENCODERS: dict[str, type[Encoder]] = {kind.name: kind for kind in (PcaEncoder, DeepSdfEncoder)}


def encoder_class(name: str) -> type[Encoder]:
    """The class of an encoder's name.

    Raises:
        BadInput: there is no such encoder.
    """
    if name not in ENCODERS:
        raise BadInput(f"encoder {name!r}: expected {' or '.join(ENCODERS)}")
    return ENCODERS[name]


def train_encoder(
    name: str,
    config: Section | None,
    source: Source,
    out_dir: str | Path,
    shapes: Paths = (),
    machine: Machine = ONE_CORE,
) -> Encoder:
    """Train an encoder, find the codes of all patients of a store, and write its folder.

    Writes `model.safetensors`, `latents.npz`; for deepsdf also `curve.csv` and `validation.json`
    (near-surface error of the validation patients).

    Args:
        name: of `ENCODERS`.
        config: its section (`config_class`); None: its defaults.
        source: the data set.
        out_dir: folder of the encoder.
        shapes: files of anatomies beside the cohort, for encoders that learn from them.
        machine: threads, device, tracking.

    Raises:
        BadInput: unknown name, unreadable store.
    """
    kind = encoder_class(name)
    encoder = kind.train(config or kind.config_class(), source, out_dir, shapes, machine)
    with torch_threads(machine.n_threads):
        encoder.save(out_dir)
    discard(out_dir)
    return encoder
