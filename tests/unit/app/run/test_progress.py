"""Progress: counts, groups, failures, estimates, lost runs, pages, and the logger plugin."""

import io
import json
import logging
import os
import socket
import time
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from einthoven.app.cli import main
from einthoven.app.run.costs.benchmarks import last_lines
from einthoven.app.run.monitor.monitor_page import N_SHOWN, bar, duration, line, screen, summary
from einthoven.app.run.monitor.state import Job, WorkflowRun, again, load, lost, save, seconds_left
from snakemake_logger_plugin_einthoven import LogHandler

HEADER = "s\th:m:s\tmax_rss\tcpu_time\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of three patients that has just begun, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    run = WorkflowRun("snakemake --profile local")
    run.plan({"mesh": 3, "ecg": 3, "all": 1}, "results")
    return run


def job(rule: str, patient: str, remote: bool = False) -> Job:
    """A job that is submitted now."""
    since = time.time()
    return Job(
        rule,
        patient,
        since,
        log=f"results/logs/{rule}/{patient}.log",
        benchmark=f"results/benchmarks/{rule}/{patient}.tsv",
        output=f"results/patients/{patient}/{rule}.npz",
        working=None if remote else since,
    )


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def ends(run: WorkflowRun, jobid: str, seconds: float, memory: float = 100.0) -> None:
    """A job ends and leaves its benchmark file."""
    write(run.running[jobid].benchmark, f"{HEADER}{seconds}\t0:00:01\t{memory}\t1\n")
    run.finish(jobid)


def test_counts_seconds_and_memory_of_finished_jobs(run):
    for jobid, seconds in (("1", 10.0), ("2", 20.0)):
        run.start(jobid, job("mesh", f"p000{jobid}"))
        ends(run, jobid, seconds, memory=100 * seconds)
    mesh = run.rules["mesh"]
    assert (mesh.done, mesh.seconds, mesh.memory_mb) == (2, 30, 2000)
    assert run.kinds["mesh"].typical_s() == 15
    run.finish("7")  # a job that nobody started
    assert sum(rule.done for rule in run.rules.values()) == 2
    assert "2 of 7 jobs (29%), 0 running, 0 failed" in line(run, time.time())


def test_a_failed_job_is_listed_until_its_next_attempt(run):
    run.start("1", job("mesh", "p0001"))
    stamp = "2026-11-21 16:31:53,722"
    write(run.running["1"].log, f"a\n{stamp} ERROR StepFailed: no volume; other coefficients?\n\n")
    [failure] = run.fail(["1"], "", [])
    assert failure.reason == "StepFailed: no volume; other coefficients?"
    assert failure.log == "results/logs/mesh/p0001.log"
    assert failure.again == "snakemake --profile local -- results/patients/p0001/mesh.npz"
    assert run.fail(["1"], "", []) == []  # told twice: once for its group, once for itself
    run.start("1", job("mesh", "p0001"))
    assert not run.failures and run.rules["mesh"].retried == 1
    ends(run, "1", 5.0)
    assert run.rules["mesh"].done == 1


def test_a_failure_without_a_log_says_what_the_executor_says(run):
    write("results/logs/mesh/p0001.log", "BadInput: of an earlier run\n")
    run.start("1", job("mesh", "p0001", remote=True))
    [failure] = run.fail(["1"], "SLURM status is: 'OUT_OF_MEMORY'", ["nowhere.log"])
    assert failure.reason == "SLURM status is: 'OUT_OF_MEMORY'"


def test_a_killed_job_is_explained_by_the_log_of_the_executor(run):
    run.start("1", job("mesh", "p0001"))
    write(run.running["1"].log, "2026-11-21 INFO 524065 cells, worst quality 0.17\n")
    write(
        "slurm.log",
        "slurmstepd: error: Detected 1 oom_kill event\nsrun: error: n2: task 0: exit code 1\n"
        "Shutting down, this might take some time.\nAt least one job did not complete\n",
    )
    [failure] = run.fail(["1"], "", ["slurm.log"])
    assert failure.reason == "slurmstepd: error: Detected 1 oom_kill event"
    assert failure.log == "slurm.log"


def test_of_a_failed_group_only_the_guilty_job_failed(run):
    for jobid, rule in (("1", "mesh"), ("2", "ecg"), ("3", "ecg")):
        run.start(jobid, job(rule, f"p000{jobid}", remote=True))
    write(run.running["1"].log, "done\n")
    write(run.running["1"].benchmark, HEADER + "3\t0:00:03\t1\t1\n")
    write(run.running["2"].log, "BadInput: no\n")  # the third was never begun
    run.observe()
    assert "1 of 7 jobs (14%), 1 running, 1 in the queue" in line(run, time.time())
    [failure] = run.fail(["1", "2", "3"], "", [])
    assert (failure.rule, failure.name, failure.reason) == ("ecg", "p0002", "BadInput: no")
    assert not run.running and run.rules["mesh"].done == 0  # the group is run again whole


def test_a_group_that_never_began_is_one_failure(run):
    for jobid in ("1", "2"):
        run.start(jobid, job("mesh", f"p000{jobid}", remote=True))
    write("slurm.log", "slurmstepd: error: killed on node7\nExiting because a job failed\n")
    [failure] = run.fail(["1", "2"], "", ["slurm.log"])
    assert failure.reason == "slurmstepd: error: killed on node7" and failure.log == "slurm.log"


def test_forecast_of_rules_alone_shares_them_among_the_cores(run):
    now = time.time()
    assert seconds_left(run, now) is None
    run.cores = 2
    for jobid in ("1", "2"):
        run.start(jobid, job("mesh", f"p000{jobid}"))
        ends(run, jobid, 10.0)
    # one mesh is left; of ecg nothing is known
    assert seconds_left(run, now) == (pytest.approx(10), False)
    run.kinds["ecg"].usual_s = 4.0
    assert seconds_left(run, now) == (pytest.approx(12), True)  # 10 + 0 beside 4 + 4 + 4
    run.start("3", job("mesh", "p0003"))
    run.running["3"].working = now - 5  # half done
    left, known = seconds_left(run, now)
    assert known and left == pytest.approx(5 + 4)  # 5 + 4 beside 4 + 4


def test_a_cluster_has_the_parallelism_seen_so_far_with_failures(run):
    now = time.time()
    run.started = now - 20
    run.rules["ecg"].total = run.kinds["ecg"].total = 0
    run.start("1", job("mesh", "p0001"))
    ends(run, "1", 10.0)
    run.start("2", job("mesh", "p0002"))
    run.running["2"].working = now - 10
    run.fail(["2"], "", [])
    left, _ = seconds_left(run, now)
    assert left == pytest.approx(20, abs=1)  # one at a time, and two are left


def test_usual_times_come_from_earlier_runs(run):
    write("results/benchmarks/mesh/p0000.tsv", HEADER + "6\t0:00:06\t1\t1\n")
    write("results/benchmarks/mesh/p0001.tsv", HEADER + "8\t0:00:08\tNA\tNA\n")
    run.plan({"mesh": 3, "ecg": 1}, "results")
    assert run.kinds["mesh"].typical_s() == 7 and run.kinds["ecg"].typical_s() is None


def test_state_survives_the_file(run):
    run.start("1", job("mesh", "p0001"))
    run.start("2", job("ecg", "p0001", remote=True))
    run.fail(["1"], "why", [])
    save(run, "results")
    assert load("results") == run
    assert list(load("results").rules) == ["mesh", "ecg", "all"]  # in the order of the plan


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, None),
        ({"pid": 2**22 + 1}, "process 4194305 is gone"),
        ({"host": "elsewhere", "pid": 1}, None),
        ({"host": "elsewhere", "updated": time.time() - 600}, "no sign of life from elsewhere"),
        ({"state": "finished", "pid": 2**22 + 1}, None),
    ],
)
def test_a_killed_run_is_seen(run, change, said, capsys):
    for name, value in change.items():
        setattr(run, name, value)
    save(run, "results")
    reason = lost(load("results"), time.time())
    assert reason is None if said is None else said in reason
    assert main(["progress", "results"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("KILLED" if said else run.state)


def test_pages_tell_failures_first_and_cut_long_lists(run):
    run.rules["mesh"].total = 50
    for n in range(30):
        run.start(str(n), job("mesh", f"p{n:04d}"))
        if n < 25:
            run.fail([str(n)], "broken", [])
    text = screen(run, time.time())
    assert text.index("FAILED: 25") < text.index("rule ") < text.index("running now")
    assert text.count("again ") == N_SHOWN and "and 5 more" in text
    for name in ("report/index.html", "dataset/einthoven.zarr.zip"):
        write(f"results/{name}", "x")
    os.utime("results/dataset/einthoven.zarr.zip", (1, 1))  # of an earlier run
    run.end()
    page = summary(run, "results")
    assert page.startswith("failed: ") and page.index("FAILED") < page.index("rule ")
    assert "results/report/index.html" in page and "einthoven.zarr.zip" not in page
    assert page.rstrip().endswith("snakemake --profile local")


def test_states_at_the_end(run):
    run.end()
    assert run.state == "stopped"
    for rule in run.rules.values():
        rule.done = rule.total
    run.end()
    assert run.state == "finished"


def test_bars_and_durations():
    assert bar(12, 6, 2, 24) == "[############>>>>>>xx....]"
    assert bar(1, 1, 1, 1000).startswith("[#>x.") and bar(0, 0, 0, 0) == f"[{'.' * 24}]"
    assert bar(24, 0, 0, 24) == f"[{'#' * 24}]" and len(bar(999, 1, 1, 1001)) == 26
    spans = [9, 99, 100, 5990, 6100, 200_000, 300_000]
    assert [duration(s) for s in spans] == [
        "9 s", "99 s", "2 min", "1 h 40 min", "1 h 42 min", "2 d 8 h", "3 d 11 h"
    ]  # fmt: skip


def test_again_keeps_options_and_replaces_targets():
    assert again("snakemake -n -- all", "a b.npz") == "snakemake -n -- 'a b.npz'"
    assert again("snakemake -n", None) == "snakemake -n"


def test_no_progress_is_one_line(tmp_path, capsys):
    assert main(["progress", str(tmp_path)]) == 2
    assert "progress.json: no such file" in capsys.readouterr().err
    (tmp_path / "progress.json").write_text(json.dumps({"rules": [{"name": "a", "x": 1}]}))
    assert main(["progress", str(tmp_path)]) == 2
    assert "of another version" in capsys.readouterr().err


def test_last_lines_of_a_long_log(tmp_path):
    (tmp_path / "a.log").write_text("x" * 100_000 + "\nlast\n")
    assert last_lines(tmp_path / "a.log")[-1] == "last"


@pytest.fixture
def handler(run):
    """The plugin, writing to a string in place of a terminal."""
    quiet = SimpleNamespace(
        printshellcmds=False, nocolor=True, quiet=set(), debug_dag=False, verbose=False,
        show_failed_logs=False, stdout=False, dryrun=False,
    )  # fmt: skip
    handler = LogHandler(quiet, None)
    handler.stream = handler.usual.stream = io.StringIO()
    yield handler
    handler.close()


def send(handler: LogHandler, event: LogEvent | None, level: int = logging.INFO, **extra) -> None:
    record = logging.LogRecord("snakemake", level, "", 0, extra.pop("msg", ""), (), None)
    vars(record).update(extra | ({"event": event} if event else {}))
    handler.handle(record)


def start(handler: LogHandler, jobid: int) -> None:
    its = vars(job("mesh", f"p000{jobid}")) | {"jobid": jobid, "wildcards": {"patient": "p0001"}}
    its |= {"rule_name": "mesh", "log": [its["log"]], "output": [its["output"]], "local": False}
    send(handler, LogEvent.JOB_INFO, **its)


def refresh(handler: LogHandler) -> None:
    """Action of the handler's thread every second."""
    with handler.lock:
        handler.next_write = 0
        handler._refresh(handler.run)


def test_plugin_writes_state_and_summary(handler):
    send(handler, LogEvent.RUN_INFO, stats={"mesh": 2, "total": 2}, msg="Job stats")
    for jobid in (1, 2):
        start(handler, jobid)
    refresh(handler)
    assert load("results").state == "running" and len(load("results").running) == 2
    send(handler, LogEvent.JOB_FINISHED, job_id=1)
    failed = {"jobid": 2, "rule_msg": "out of memory", "log": []}
    send(handler, LogEvent.JOB_ERROR, logging.ERROR, **failed)
    send(handler, None, logging.WARNING, msg="a warning")
    send(handler, None, msg="Select jobs to execute...")
    handler.close()
    run = load("results")
    assert (run.state, run.rules["mesh"].done, len(run.failures)) == ("failed", 1, 1)
    shown = handler.stream.getvalue()
    assert "Job stats" in shown and "a warning" in shown and "Select jobs" not in shown
    assert shown.count("mesh p0001: out of memory") == 2  # at once, and in the summary
    with open("results/summary.txt") as page:
        assert page.read().startswith("failed: 1 of 2 jobs (50%), 0 running, 1 failed, after")


def test_plugin_tells_what_there_is_to_look_at(handler):
    send(handler, LogEvent.RUN_INFO, stats={"mesh": 2, "total": 2})
    for jobid, output in enumerate(("results/report/first.png", "results/patients/p0000/mesh.npz")):
        start(handler, jobid)
        handler.run.running[str(jobid)].output = output
        send(handler, LogEvent.JOB_FINISHED, job_id=jobid)
    shown = handler.stream.getvalue()
    assert " made results/report/first.png\n" in shown and "mesh.npz" not in shown


def test_an_error_in_the_plugin_is_told_once_and_hides_nothing(handler, monkeypatch):
    def broken(self, jobid):
        raise OSError("disk full")

    send(handler, LogEvent.RUN_INFO, stats={"mesh": 2, "total": 2}, msg="Job stats")
    monkeypatch.setattr(WorkflowRun, "finish", broken)
    for jobid in (1, 2):
        send(handler, LogEvent.JOB_FINISHED, job_id=jobid, msg=f"Finished jobid: {jobid}")
    handler.close()
    shown = handler.stream.getvalue()
    assert shown.count("progress is no longer shown (OSError('disk full'))") == 1
    assert "Finished jobid: 1" in shown and "Finished jobid: 2" in shown  # as without the plugin


def test_plugin_is_cheap_with_many_jobs(handler):
    """10,000 jobs in 4 s of processor time, with a look at 200 running ones twenty times."""
    send(handler, LogEvent.RUN_INFO, stats={"mesh": 10_000, "total": 10_000})
    begun = time.process_time()
    for jobid in range(10_000):
        start(handler, jobid)
        if jobid >= 200:
            send(handler, LogEvent.JOB_FINISHED, job_id=jobid - 200)
        if jobid % 500 == 0:
            refresh(handler)
    assert handler.run.rules["mesh"].done == 9800
    assert time.process_time() - begun < 4


def test_this_host_and_process_are_recorded():
    assert (WorkflowRun("x").host, WorkflowRun("x").pid) == (socket.gethostname(), os.getpid())
