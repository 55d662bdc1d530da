"""Measured jobs: the benchmark files of Snakemake, and what the jobs' logs say at their end.

Snakemake samples a job twice a second for 15 s and then every 30 s, so that it misses peaks of
memory and the last half minute of processor time; every script therefore ends its log with what
the kernel counted.
"""

import csv
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from einthoven.core.errors import BadInput
from einthoven.core.log import USED

_USED = re.compile(USED.replace("%.1f", r"(\d+\.\d)").replace("%.0f", r"(\d+)"))
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Benchmark:
    """One job: wall time, largest resident memory, processor time, and threads if recorded."""

    seconds: float
    memory_mb: float | None = None
    cpu_seconds: float | None = None
    threads: int | None = None


def benchmark_files(results: str | Path) -> dict[str, list[Path]]:
    """Benchmark files of each rule: benchmarks/RULE.tsv or benchmarks/RULE/*.tsv."""
    folder = Path(results) / "benchmarks"
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        files.setdefault(rule, []).append(path)
    return files


def read_benchmarks(results: str | Path, at_most: int | None = None) -> dict[str, list[Benchmark]]:
    """Measured jobs of each rule.

    Args:
        results: the folder that a run wrote, with `benchmarks/` and `logs/`.
        at_most: read so many files of a rule and no more.

    Raises:
        BadInput: a file is no benchmark file.
    """
    return {
        rule: [job for path in islice(paths, at_most) for job in read_benchmark(path)]
        for rule, paths in benchmark_files(results).items()
    }


def read_benchmark(path: Path) -> list[Benchmark]:
    """The jobs of one benchmark file (one, unless the rule repeats its benchmark).

    Raises:
        BadInput: the file has no column `s`, or holds something else than numbers.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        counted = _counted(_log_of(path)) if len(rows) == 1 else (None, None)
        return [_job(row, *counted) for row in rows]
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise BadInput(f"{path}: not a benchmark file ({error!r}); delete it") from error


def _job(row: dict[str, str], cpu_seconds: float | None, memory_mb: float | None) -> Benchmark:
    threads = _number(row.get("threads"))
    return Benchmark(
        seconds=float(row["s"]),
        memory_mb=_larger(_number(row.get("max_rss")), memory_mb),
        cpu_seconds=_larger(_number(row.get("cpu_time")), cpu_seconds),
        threads=None if threads is None else int(threads),
    )


def _number(text: str | None) -> float | None:
    """A cell; Snakemake writes NA, - or nan when a job ended before the first sample."""
    if text is None or text in ("", "NA", "-") or text.lower() == "nan":
        return None
    return float(text)


def _larger(sampled: float | None, counted: float | None) -> float | None:
    known = [value for value in (sampled, counted) if value is not None]
    return max(known, default=None)


def _log_of(benchmark: Path) -> Path:
    """benchmarks/RULE/JOB.tsv -> logs/RULE/JOB.log, as in all rules."""
    parts = list(benchmark.with_suffix(".log").parts)
    parts[len(parts) - 1 - parts[::-1].index("benchmarks")] = "logs"
    return Path(*parts)


def _counted(log: Path) -> tuple[float | None, float | None]:
    """Processor time in s and peak memory in MB, from the end of a log that has them."""
    found = _USED.findall("\n".join(last_lines(log)))
    return (float(found[-1][0]), float(found[-1][1])) if found else (None, None)


def last_lines(path: str | Path) -> list[str]:
    """The lines in the last 4 kB of a text file; none if there is no such file."""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
