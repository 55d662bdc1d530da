"""Benchmarks, studies and tools import what exists and answer --help."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HELP = """
import contextlib, io, runpy, sys, traceback

def failure(script):
    sys.argv, told = [script, "--help"], io.StringIO()
    try:
        with contextlib.redirect_stdout(told):
            runpy.run_path(script, run_name="__main__")
    except SystemExit as stop:
        if stop.code or "--json" not in told.getvalue():
            return f"status {stop.code}, {told.getvalue()!r}"
    except BaseException:
        return traceback.format_exc()
    else:
        if "__main__" in open(script).read():
            return "runs without being asked to"

scripts = sys.argv[1:]
for script in scripts:
    sys.path[0] = script.rpartition("/")[0]
    if found := failure(script):
        print(script, found)
"""
"""Runs scripts with --help in one process, as their imports take seconds; prints what fails."""
PRINTS_JSON = "leadfield_cases.py"


def test_every_benchmark_and_study_answers_help() -> None:
    scripts = [
        str(path)
        for folder in ("benchmarks", "studies")
        for path in sorted((ROOT / folder).glob("*.py"))
        if path.name != PRINTS_JSON
    ]
    assert len(scripts) > 10
    done = subprocess.run([sys.executable, "-c", HELP, *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stdout, done.stdout
