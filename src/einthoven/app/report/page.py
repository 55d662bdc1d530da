"""One self-contained HTML page: tables and embedded pictures, readable offline."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from einthoven.base.core.files import atomic

NO_LINKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Table:
    """A table with a header row; cells are text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure with its caption."""

    figure: Figure
    caption: str

    @property
    def png(self) -> str:
        """The figure as the page embeds it."""
        return base64.b64encode(png_bytes(self.figure)).decode()


@dataclass(frozen=True)
class PageSection:
    """A heading with text, tables and pictures in order."""

    title: str
    text: str = ""
    content: Sequence[Table | Picture] = ()


def templates(package: str, folder: str) -> Environment:
    """Templates of HTML pages in a folder of a package; an unknown name is an error."""
    return Environment(loader=PackageLoader(package, folder), autoescape=True,
                       undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)  # fmt: skip


def png_bytes(figure: Figure) -> bytes:
    """Deterministic PNG bytes of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def write_page(
    path: str | Path,
    title: str,
    lead: str,
    sections: Sequence[PageSection],
    warnings: Sequence[str] = (),
    links: Mapping[str, str] = NO_LINKS,
) -> None:
    """Write the page atomically; it loads nothing from elsewhere.

    `lead` is one paragraph below the title; `warnings`, e.g. missing patients, are shown on top;
    `links` are files beside the page and their titles.
    """
    template = templates("einthoven.app.report", "").get_template("page.html.j2")
    with atomic(path) as temporary:
        temporary.write_text(
            template.render(
                title=title, lead=lead, sections=sections, warnings=warnings, links=links
            )
        )
