"""The walk of a recorded ECG through `einthoven image`: how deep, and through how many files.

A profiler sees every frame of the library from the command's start to its return. Not counted
are imports, options of the command line, `base.core` (files, checks) and `base.config`.

The depth is that of all frames. The files are those of the walk: a file counts if one of its
functions is given or returns the ECG in one of its forms, from the path to the picture: `FORMS`, or
the path itself.
What works on arrays alone (layers of the network, the delineation's curves, the drawing) is not a
station of the walk, and its files are counted by `MAX_EXECUTED`.
"""

import sys
from argparse import Namespace
from collections import defaultdict
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import einthoven
from einthoven.app.cli import main
from einthoven.imaging.model.imaged_ecg import ImagedEcg
from einthoven.imaging.model.predictors import MapDraws, PlacedBeat
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.recordings.aligned import AlignedBeat
from einthoven.physics.ecg.recordings.recording import Recording

pytestmark = pytest.mark.slow
LIBRARY = Path(einthoven.__file__).parent
RECORDING = Path(__file__).resolve().parents[4] / "docs/tutorials/simulated_sinus.csv"
FORMS = (Namespace, Recording, AveragedBeat, AlignedBeat, PlacedBeat, MapDraws, ImagedEcg)
NOT_COUNTED, NOT_COUNTED_FUNCTIONS = ("base/core/", "base/config/"), ("<module>", "add_arguments")
MAX_DEPTH, MAX_FILES, MAX_EXECUTED = 20, 15, 52


class Walk:
    """Frames of the library while a command runs."""

    def __init__(self) -> None:
        self.deepest: list[str] = []
        self.functions: dict[str, set[str]] = defaultdict(set)
        self.stations: dict[str, set[str]] = defaultdict(set)

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        """See `sys.setprofile`."""
        if event not in ("call", "return") or (file := _file(frame)) is None:
            return
        name = frame.f_code.co_name
        if event == "return":
            if isinstance(value, FORMS):
                self.stations[file].add(name)
            return
        self.functions[file].add(name)
        if any(isinstance(given, FORMS) or given == RECORDING for given in _given(frame)):
            self.stations[file].add(name)
        names, outer = [], frame
        while outer is not None:
            names += [f"{where}:{outer.f_code.co_name}"] if (where := _file(outer)) else []
            outer = outer.f_back
        self.deepest = max(self.deepest, names[::-1], key=len)


def _file(frame: FrameType) -> str | None:
    """The frame's file in the library, if it is counted."""
    return _file_of(frame.f_code)


@cache
def _file_of(code: CodeType) -> str | None:
    """Asked a million times for some thousand functions."""
    path = Path(code.co_filename)
    if code.co_name in NOT_COUNTED_FUNCTIONS or not path.is_relative_to(LIBRARY):
        return None
    file = path.relative_to(LIBRARY).as_posix()
    return None if file.startswith(NOT_COUNTED) else file


def _given(frame: FrameType) -> list[Any]:
    """Arguments of the call, but no arrays: comparing these with a path means nothing."""
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    values = [frame.f_locals.get(name) for name in names]
    return [value for value in values if isinstance(value, (*FORMS, Path))]


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imaged")
    command = ["image", str(RECORDING), "--to", str(folder), "--pictures"]
    assert main(command) == 0, "first without the profiler: imports and tables are made once"
    found = Walk()
    sys.setprofile(found)
    try:
        assert main(command) == 0
    finally:
        sys.setprofile(None)
    return found


def test_the_walk_is_not_deep(walk):
    assert len(walk.deepest) <= MAX_DEPTH, "\n".join(walk.deepest)


def test_the_walk_is_in_few_files(walk):
    told = "\n".join(f"{file}: {', '.join(sorted(names))}" for file, names in walk.stations.items())
    assert len(walk.stations) <= MAX_FILES, told
    assert len(walk.functions) <= MAX_EXECUTED, "\n".join(walk.functions)
