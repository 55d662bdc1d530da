"""Write docs/reproduction.md, the papers' tables beside ours, from docs/results/reproduction/.

Usage: python tools/write_reproduction.py [RECORD ...]

`papers.json` there says what each paper published, which number stands beside it, and which
pictures of docs/pictures belong to it; the other files are records of `snakemake reproduction`
(results/reproduction/PAPER.json). RECORDs are added first, as far as a row shows them, under the
name of their paper and config. A number of several records (seeds) is their mean and SD. A number
that no record has is "not run".
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic, read_json, write_json

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = DOCS / "results" / "reproduction"
PAGE = DOCS / "reproduction.md"
PAPERS = "papers.json"
COLUMNS = ("theirs", "ours", "floor")
ABOUT = ("paper", "command", "config_sha256", "commit", "machine", "date", "seconds", "values")
"""Keys of a record; `note` is the only other one."""


def document(folder: Path = FOLDER) -> str:
    """The page.

    Raises:
        BadInput: a record without a key, of an unknown paper, or two of another config with the
            same number.
    """
    page = read_json(folder / PAPERS)
    records = {path.name: _record(path) for path in sorted(folder.glob("*.json"))
               if path.name != PAPERS}  # fmt: skip
    known = {paper["paper"] for paper in page["papers"]}
    for name, record in records.items():
        if record["paper"] not in known:
            raise BadInput(f"{folder / name}: paper {record['paper']!r}; known: {sorted(known)}")
    parts = ["<!-- Made by tools/write_reproduction.py from docs/results/reproduction/. -->\n",
             f"# {page['title']}\n", *(f"{text}\n" for text in page["intro"])]  # fmt: skip
    for paper in page["papers"]:
        its = {name: r for name, r in records.items() if r["paper"] == paper["paper"]}
        parts.append(_section(paper, its))
    return "\n".join(parts)


def _record(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = read_json(path)
    missing = [key for key in ABOUT if key not in record]
    unknown = [key for key in record if key not in (*ABOUT, "note")]
    if missing or unknown:
        raise BadInput(
            f"{path}: missing {missing}, unknown {unknown}; take what `snakemake reproduction` "
            "writes"
        )
    return record


def _section(paper: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]) -> str:
    values = merged(records)
    columns = [key for key in COLUMNS if key in paper["columns"]]
    head = ["what", "published", *(paper["columns"][key] for key in columns)]
    lines = [
        f"## {paper['title']}\n",
        f"{paper['differs']}\n",
        _row(head),
        "|---" * len(head) + "|",
    ]
    for row in paper["rows"]:
        cells = [cell(row[key], values) if key in row else "-" for key in columns]
        lines.append(_row([row["what"], row.get("published", "-"), *cells]))
    for picture in paper.get("pictures", []):
        lines += ["", f"![{picture['what']}](./pictures/{picture['file']})"]
    lines += ["", *(_run(record) for record in records.values())]
    command = f"`{paper['command']}`"
    lines += [f"- {'To run it anew' if records else 'Not run yet'}: {command}.", ""]
    return "\n".join(lines)


def merged(records: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
    """Name of a number -> its values of all records.

    Raises:
        BadInput: records of different commands have the same number.
    """
    found: dict[str, list[float]] = {}
    owner: dict[str, str] = {}
    for name, record in records.items():
        for key, values in record["values"].items():
            if key in owner and _without_seed(records[owner[key]]) != _without_seed(record):
                raise BadInput(f"{owner[key]} and {name} both have {key}, by different commands; "
                               "keep one")  # fmt: skip
            owner.setdefault(key, name)
            found.setdefault(key, []).extend(values)
    return found


def _without_seed(record: Mapping[str, Any]) -> str:
    """The command up to the numbers in it, which are seeds where only they differ."""
    return "".join(c for c in record["command"] if not c.isdigit())


def cell(key: str, values: Mapping[str, Sequence[float]]) -> str:
    """Mean and SD over the values of a number, or that nobody made it."""
    found = values.get(key)
    if not found:
        return "not run"
    mean = f"{statistics.fmean(found):.3g}"
    return mean if len(found) == 1 else f"{mean} ± {statistics.stdev(found):.2g} ({len(found)})"


def _run(record: Mapping[str, Any]) -> str:
    took = "time not recorded" if record["seconds"] is None else f"{record['seconds']:,} s"
    note = f" {record['note']}" if "note" in record else ""
    return (f"- {record['date']}, commit {record['commit']}, config {record['config_sha256']}, "
            f"{record['machine']}, {took}: `{record['command']}`.{note}")  # fmt: skip


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def shown(paper: Mapping[str, Any]) -> set[str]:
    """Names of all numbers in a paper's table."""
    return {row[key] for row in paper["rows"] for key in COLUMNS if key in row}


def add(source: Path, folder: Path = FOLDER) -> Path:
    """Keep a record, with the numbers that the page shows.

    Raises:
        BadInput: no record, of no known paper, or without any number of its table.
    """
    record = _record(source)
    papers = {paper["paper"]: paper for paper in read_json(folder / PAPERS)["papers"]}
    if record["paper"] not in papers:
        raise BadInput(f"{source}: paper {record['paper']!r}; known: {sorted(papers)}")
    keys = shown(papers[record["paper"]])
    record["values"] = {key: values for key, values in record["values"].items() if key in keys}
    if not record["values"]:
        raise BadInput(f"{source}: none of the numbers that the table of {record['paper']} shows")
    target = folder / f"{record['paper']}-{record['config_sha256'][:8]}.json"
    write_json(target, record)
    return target


def main(sources: Sequence[str]) -> None:
    """Add records, then write the page."""
    for source in sources:
        print(add(Path(source)))
    text = document()
    with atomic(PAGE) as aside:
        aside.write_text(text)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadInput as error:
        sys.exit(f"write_reproduction: {error}")
