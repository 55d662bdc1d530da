"""One self-contained HTML page: tables and embedded pictures, readable offline."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from einthoven.core.files import atomic

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: #1c1c1c; background: #fcfbf8;
  max-width: 70rem; margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; margin-bottom: .2rem; }
h2 { margin-top: 2.6rem; border-bottom: 1px solid #ccc; }
.lead { color: #555; margin-top: 0; }
table { border-collapse: collapse; font: 13px/1.4 Helvetica, Arial, sans-serif;
  margin: 1rem 0; width: 100%; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid #e3e0d8; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; vertical-align: bottom; }
figure { margin: 1.2rem 0 2rem; }
figure img { max-width: 100%; height: auto; background: white; }
figcaption { font-size: .9rem; color: #444; }
.scroll { overflow-x: auto; }
.warn { background: #fff3cd; border-left: 4px solid #d39e00; padding: .5rem 1rem; }
nav { font: 13px Helvetica, Arial, sans-serif; }
nav a { margin-right: 1rem; color: #0072B2; }
"""


@dataclass(frozen=True)
class Table:
    """A table with a header row; cells are text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure, or an image file's bytes, with its caption."""

    image: Figure | bytes
    caption: str


@dataclass
class Section:
    """A heading with text, tables and pictures in order."""

    title: str
    text: str = ""
    content: list[Table | Picture] = field(default_factory=list)


def png_bytes(figure: Figure) -> bytes:
    """Deterministic PNG bytes of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _picture(picture: Picture) -> str:
    data = picture.image if isinstance(picture.image, bytes) else png_bytes(picture.image)
    kind = "jpeg" if data[:2] == b"\xff\xd8" else "png"
    code = base64.b64encode(data).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/{kind};base64,{code}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    caption = f"<p>{html.escape(table.caption)}</p>" if table.caption else ""
    return (
        f'{caption}<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def write_report(
    path: str | Path,
    title: str,
    lead: str,
    sections: Sequence[Section],
    warnings: Sequence[str] = (),
) -> None:
    """Write the page atomically; nothing in it is loaded from elsewhere.

    Args:
        path: where index.html goes.
        title: heading of the page.
        lead: one paragraph below it.
        sections: in order.
        warnings: shown on top, e.g. missing patients.
    """
    nav = "".join(f'<a href="#s{k}">{html.escape(s.title)}</a>' for k, s in enumerate(sections))
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
        f'<h1>{html.escape(title)}</h1><p class="lead">{html.escape(lead)}</p><nav>{nav}</nav>',
        *(f'<p class="warn">{html.escape(w)}</p>' for w in warnings),
    ]
    for k, section in enumerate(sections):
        parts.append(f'<h2 id="s{k}">{html.escape(section.title)}</h2>')
        if section.text:
            parts.append(f"<p>{html.escape(section.text)}</p>")
        parts += [_table(c) if isinstance(c, Table) else _picture(c) for c in section.content]
    parts.append("</body></html>")
    with atomic(path) as temporary:
        temporary.write_text("\n".join(parts))
