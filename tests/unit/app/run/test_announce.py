"""Summary of a run before it starts."""

from einthoven.app.cli import main
from einthoven.app.run.announce import announcement
from einthoven.app.run.plan import Plan
from einthoven.base.config.models import Config


def test_the_default_run_tells_its_patients_jobs_time_and_products(tmp_path):
    text = announcement(Plan.of(Config()), 2, tmp_path)
    assert "32 virtual patients (24 train, 4 val, 4 test) with 33 electrodes" in text
    assert "\nscenarios sinus, lbbb, crt\n" in text
    assert "256 further shapes, 6 trainings" in text and "idle cores" in text
    assert "results/report/first.png" in text and "results/report/index.html" in text


def test_measured_jobs_of_any_config_give_its_time(tmp_path, capsys):
    assert main(["plan", "config/ci.yaml", "--cores", "2", "--results", str(tmp_path)]) == 0
    assert "idle cores" not in capsys.readouterr().out
    for rule in ("encoder", "surrogate", "predict", "evaluate", "report"):
        path = tmp_path / "benchmarks" / rule / "one.tsv"
        path.parent.mkdir(parents=True)
        path.write_text("s\th:m:s\n6.0\t0:00:06\n")
    assert main(["plan", "config/ci.yaml", "--cores", "2", "--results", str(tmp_path)]) == 0
    assert "on 2 idle cores" in capsys.readouterr().out
