"""Errors shown to the user, one line that names cause and cure; those of optional packages."""

from collections.abc import Iterator
from contextlib import contextmanager


class EinthovenError(Exception):
    """Base of all errors that a user can correct: one line with the cause and the remedy.

    The command line prints the line without a traceback and ends with status 2.
    """


class BadInput(EinthovenError):
    """An input (file, field, config key) is wrong; the message names it and the likely cause."""


class StepFailed(EinthovenError):
    """A step failed for this patient; the message gives the reason and parameters."""


class NotConverged(StepFailed):
    """An iteration ended without reaching its tolerance."""


EXTRA_OF = {
    "numba": "patients",
    "pyvista": "patients",
    "vtkmodules": "patients",
    "pyacvd": "patients",
    "torch": "learn",
    "lightning": "learn",
    "safetensors": "learn",
}
"""Package that whole rooms import at their top -> its extra; others stand below `extra`."""


class MissingExtra(BadInput, ImportError):
    """A package of an extra is not installed, or does not load; the message names the extra."""


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Context for imports that belong to an extra of pyproject.toml.

        with extra("solve", "meshing a body"):
            import gmsh

    Args:
        name: name of the extra.
        what: what needs it, for the message.

    Raises:
        MissingExtra: an import in the block fails.
    """
    try:
        yield
    except ImportError as error:
        raise _missing(name, what, error) from error


def _missing(name: str, what: str, error: ImportError) -> MissingExtra:
    return MissingExtra(
        f"{what} needs an optional package that is not installed ({error}). Cure: pip install "
        f"'einthoven[{name}]' (docs/install.md)",
        name=error.name,
    )


@contextmanager
def extras_named(what: str, needed: str = "") -> Iterator[None]:
    """Context of a door to the library (a command, a public name, a method by its name).

    Rooms import the packages of `EXTRA_OF` at their top, as any module does; where one is not
    installed, the door through which the user came says which extra brings it.

    Args:
        what: what needs it, for the message.
        needed: extra that brings everything behind this door; empty: that of the package.

    Raises:
        MissingExtra: a package of `EXTRA_OF` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        raise _missing(needed or EXTRA_OF[package], what, error) from error
