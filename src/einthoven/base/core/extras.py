"""What `pip install einthoven` leaves out, and what to install where it is missed."""

from collections.abc import Iterator
from contextlib import contextmanager

from einthoven.base.core.errors import BadInput


class MissingExtra(BadInput, ImportError):
    """A package of an extra is not installed, or does not load; the message names the extra."""


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Imports in this block belong to an extra of pyproject.toml.

        with extra("solve", "meshing a body"):
            import gmsh

    Args:
        name: of the extra.
        what: is done with it, for the message.

    Raises:
        MissingExtra: an import in the block fails.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtra(
            f"{what} needs what is not installed here ({error}). Cure: pip install "
            f"'einthoven[{name}]' (docs/install.md)",
            name=error.name,
        ) from error
