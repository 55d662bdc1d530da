"""Write docs/results/TOPIC.md from every docs/results/TOPIC.json: today's figures, a page a topic.

Usage: python tools/write_results.py

A topic is {"title", "intro", "tables"}, a table {"caption", "command", "date", "on", "columns",
"rows"}: what is shown, the command that made the figures, the day (YYYY-MM-DD), the patients and
the machine. The first sentence of a caption is the table's heading.
"""

import re
import sys
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic, read_json

WIDTH = 120
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "results"
TOPIC_KEYS = ("title", "intro", "tables")
TABLE_KEYS = ("caption", "command", "date", "on", "columns", "rows")


def document(source: Path) -> str:
    """The page of a topic.

    Raises:
        BadInput: a key that is missing, empty or unknown, a date that is none, a row of another
            length than its columns.
    """
    topic = read_json(source)
    _check_keys(topic, TOPIC_KEYS, str(source))
    head = f"<!-- Made by tools/write_results.py from docs/results/{source.name}: edit that. -->\n"
    parts = [head, f"# {topic['title']}\n", f"{_wrapped(topic['intro'])}\n"]
    for number, table in enumerate(topic["tables"], start=1):
        where = f"{source}: table {number}"
        _check_keys(table, TABLE_KEYS, where)
        parts.append(_table(table, where))
    return "\n".join(parts)


def _check_keys(found: Any, keys: tuple[str, ...], where: str) -> None:
    if not isinstance(found, dict):
        raise BadInput(f"{where}: not an object with the keys {', '.join(keys)}")
    missing = [key for key in keys if not found.get(key)]
    unknown = [key for key in found if key not in keys]
    wrong = [
        f"{what} {', '.join(names)}"
        for what, names in (("missing or empty", missing), ("unknown", unknown))
        if names
    ]
    if wrong:
        raise BadInput(f"{where}: {'; '.join(wrong)}; the keys are {', '.join(keys)}")


def _table(table: dict[str, Any], where: str) -> str:
    """Heading, rest of the caption, the rows, and how they were made."""
    try:
        date.fromisoformat(table["date"])
    except (TypeError, ValueError) as error:
        raise BadInput(f"{where}: date: {table['date']!r} is not YYYY-MM-DD") from error
    columns, rows = table["columns"], table["rows"]
    if uneven := [k for k, row in enumerate(rows, start=1) if len(row) != len(columns)]:
        raise BadInput(f"{where}: row {uneven[0]} has not the {len(columns)} cells of the columns")
    heading, _, rest = table["caption"].partition(". ")
    lines = [f"## {heading.removesuffix('.')}\n"]
    lines += [f"{_wrapped(rest)}\n"] if rest else []
    lines += [_row(columns), "|" + "---|" * len(columns), *map(_row, rows)]
    lines.append(f"\n{table['date']}, {table['on']}: `{table['command']}`\n")
    return "\n".join(lines)


def _wrapped(text: str) -> str:
    """Paragraphs in lines of at most `WIDTH`, where no line then begins like a list."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        lines = textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
        as_it_is = "\n" in paragraph or any(re.match(r"([-+*>|#]|\d+[.)])", x) for x in lines[1:])
        paragraphs.append(paragraph if as_it_is else "\n".join(lines))
    return "\n\n".join(paragraphs)


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page of every topic."""
    for source in sorted(FOLDER.glob("*.json")):
        text = document(source)
        with atomic(source.with_suffix(".md")) as aside:
            aside.write_text(text)


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(f"write_results: {error}")
