"""Measured jobs: benchmark files of Snakemake, and the last line of the jobs' logs.

Snakemake samples a job twice a second for 15 s and then every 30 s, so that it misses peaks of
memory and the last half minute of processor time; every script therefore ends its log with what
the kernel counted.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import USED

_USED = re.compile(USED.replace("%.1f", r"(\d+\.\d)").replace("%.0f", r"(\d+)"))
_TAIL_BYTES = 4096
N_USUAL = 20
"""Number of jobs of a rule whose mean is its usual time."""


@dataclass(frozen=True)
class JobBenchmark:
    """One job: wall time, largest resident memory, processor time, and threads if recorded."""

    seconds: float
    memory_mb: float | None = None
    cpu_seconds: float | None = None
    threads: int | None = None


def _files_of_rules(results: str | Path) -> dict[str, list[Path]]:
    """benchmarks/RULE.tsv or benchmarks/RULE/*.tsv; a full disk leaves empty ones."""
    folder = Path(results) / "benchmarks"
    files: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*.tsv") if path.stat().st_size):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        files.setdefault(rule, []).append(path)
    return files


def read_benchmarks(results: str | Path) -> dict[str, list[JobBenchmark]]:
    """Measured jobs of each rule of a run; `results` is its folder, with `logs/` too.

    Raises:
        BadInput: a file is no benchmark file.
    """
    return {rule: list(map(read_benchmark, its)) for rule, its in _files_of_rules(results).items()}


def usual_seconds(results: str | Path) -> dict[str, float]:
    """Mean wall time of a job of each rule of which there is one, from the first `N_USUAL`.

    Raises:
        BadInput: a file is no benchmark file.
    """
    return {
        rule: mean(read_benchmark(path).seconds for path in paths[:N_USUAL])
        for rule, paths in _files_of_rules(results).items()
    }


def read_benchmark(path: Path) -> JobBenchmark:
    """The job of a benchmark file.

    Raises:
        BadInput: the file has no column `s`, or holds something else than numbers.
    """
    try:
        with path.open(newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        cpu_seconds, memory_mb = _counted(_log_of(path))
        threads = _number(row.get("threads"))
        return JobBenchmark(
            seconds=float(row["s"]),
            memory_mb=_larger(_number(row.get("max_rss")), memory_mb),
            cpu_seconds=_larger(_number(row.get("cpu_time")), cpu_seconds),
            threads=None if threads is None else int(threads),
        )
    except (KeyError, ValueError, TypeError, OSError, StopIteration) as error:
        raise BadInput(f"{path}: not a benchmark file ({error!r}); delete it") from error


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
