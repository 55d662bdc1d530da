"""Records of integrity: each job's log lists the files that it made, with size and SHA-256.

Every attempt starts the log anew and writes the records last, so records are those of a finished
job, and no further files are needed. If a path has several records, the last one holds.
"""

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from einthoven.base.core.files import sha256_of

PREFIX = "einthoven-record"
_LINE = re.compile(PREFIX + r" (?P<sha256>[0-9a-f]{64}) (?P<size>[0-9]+) (?P<path>.+)")


@dataclass(frozen=True)
class Record:
    """One file as its job left it; `remedy` is the output to request from Snakemake."""

    size: int
    sha256: str
    rule: str
    remedy: str


def record_lines(paths: Iterable[str | Path]) -> str:
    """Records of the files in or below the working directory; declared outputs must come first."""
    names = dict.fromkeys(os.path.relpath(path) for path in paths)
    kept = [name for name in names if not name.startswith("..") and Path(name).is_file()]
    return "".join(f"{PREFIX} {sha256_of(name)} {os.path.getsize(name)} {name}\n" for name in kept)


def read_records(results: Path) -> dict[Path, Record]:
    """All records of a run: file -> record.

    `results` is its folder, under whatever name; its logs are logs/RULE.log and logs/RULE/*.log.
    """
    logs = results / "logs"
    records: dict[Path, Record] = {}
    for log in sorted(logs.rglob("*.log")):
        rule = log.relative_to(logs).parts[0].removesuffix(".log")
        texts = log.read_text(errors="replace").splitlines()
        lines = [line for text in texts if (line := _LINE.fullmatch(text))]
        for line in lines:
            file = results.joinpath(*Path(line["path"]).parts[1:])
            records[file] = Record(int(line["size"]), line["sha256"], rule, lines[0]["path"])
    return records


def faults_of(records: dict[Path, Record]) -> dict[Path, str]:
    """Fault of each file that differs from its record: file -> fault."""
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        faults = pool.map(_fault, records.values(), records)
        return {file: fault for file, fault in zip(records, faults) if fault}


def _fault(record: Record, path: Path) -> str:
    try:
        size = path.stat().st_size
        if size != record.size:
            return f"{size} bytes, recorded were {record.size}"
        return "" if sha256_of(path) == record.sha256 else "SHA-256 differs from the record"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"not readable ({error.strerror})"
