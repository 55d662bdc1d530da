"""VTK without its own messages on the terminal; what is wrong with a file is an error of ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.files import atomic


def quiet_vtk() -> None:
    """Show no more of VTK's messages, such as those on an absent X server."""
    with extra("patients", "VTK"):
        from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)


def read_vtk(path: Path) -> Any:
    """Data set of a file that VTK reads, by its suffix.

    VTK goes on after an error and returns an empty or broken data set; here it ends with the first.

    Raises:
        BadInput: not readable; the message has VTK's first line.
    """
    quiet_vtk()
    import pyvista as pv

    caught, data, failure = pv.VtkErrorCatcher(send_to_logging=False), None, ""
    try:
        with caught, _without_logging():
            data = pv.get_reader(path).read()
    except Exception as error:  # VTK's readers raise many types
        failure = str(error)
    errors = [event.alert for event in caught.events if event.kind == "ERROR"]
    if data is None or errors:
        first = (errors or [failure])[0].partition("\n")[0]
        raise BadInput(f"{path}: not readable ({first}); incomplete, or another format?")
    return data


def save_vtk(data: Any, path: Path) -> Path:
    """Write VTK data; its format depends on the suffix, so the temporary file has it, too."""
    with atomic(path) as temporary:
        with_suffix = temporary.with_name(temporary.name + path.suffix)
        data.save(with_suffix)
        with_suffix.replace(temporary)
    return path


@contextmanager
def _without_logging() -> Iterator[None]:
    """Silence Python's root logger, to which PyVista repeats each of VTK's errors."""
    handlers, level = logging.root.handlers[:], logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        logging.root.handlers[:] = handlers  # logging.error adds one where there is none
