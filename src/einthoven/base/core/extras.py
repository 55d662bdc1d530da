"""Optional dependencies, and what to install where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from einthoven.base.core.errors import BadInput


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
        raise MissingExtra(
            f"{what} needs an optional package that is not installed ({error}). Cure: pip install "
            f"'einthoven[{name}]' (docs/install.md)",
            name=error.name,
        ) from error
