"""`einthoven inverse` on files that are written here."""

import numpy as np
import pytest
from helpers.recordings import RATE_HZ, beat_of_a_dipole, heart_and_torso, write_pts_fac
from helpers.tutorials import run_tutorial

from einthoven.app.cli import main
from einthoven.base.core.files import load_arrays
from einthoven.inverse.measured.reconstruction import LAYOUT

NODES = np.arange(0, 162, 2)


@pytest.fixture
def files(tmp_path):
    """Arguments for a good case of 42 nodes and 81 electrodes."""
    heart, torso = heart_and_torso(heart_splits=1)
    write_pts_fac(tmp_path / "heart", *heart)
    write_pts_fac(tmp_path / "torso", *torso)
    lines = [f"{node + 1} {row}" for row, node in enumerate(NODES, start=1)]
    (tmp_path / "e.channels").write_text("\n".join(["81 leads", *lines]))
    potentials = beat_of_a_dipole(torso[0][NODES], np.random.default_rng(0))
    np.savez(tmp_path / "y.npz", potentials=potentials * 1e3, unit="uV",
             time=np.arange(potentials.shape[1]) * 1000 / RATE_HZ)  # fmt: skip
    return {
        "--heart": tmp_path / "heart.pts", "--torso": tmp_path / "torso.pts",
        "--electrodes": tmp_path / "e.channels", "--potentials": tmp_path / "y.npz",
        "--to": tmp_path / "out",
    }  # fmt: skip


def run(files, **changed):
    options = files | {f"--{key.replace('_', '-')}": value for key, value in changed.items()}
    return main(["inverse", *(str(word) for pair in options.items() for word in pair)])


def test_potentials_times_and_pictures_are_written(files, capsys, monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)  # a tenth of the time
    assert run(files) == 0
    out = capsys.readouterr().out
    assert "average: 42 nodes from 81 electrodes" in out and "average of waves" in out
    folder = files["--to"]
    names = {"potentials.npz", "activation.csv", "maps.png", "activation.png", "traces.png",
             "index.html"}  # fmt: skip
    assert {path.name for path in folder.iterdir()} == names
    page = (folder / "index.html").read_text()
    assert page.count("data:image/png") == 3 and "bending energy" in page
    found = load_arrays(folder / "potentials.npz")
    assert set(found.attrs["layout"]) == set(found) and set(found) <= set(LAYOUT)
    assert found["potentials"].shape == (42, len(found["time"]))
    assert (found["activation_sd"] >= 0).all()
    fitted = found["torso_potentials"][NODES]
    residual = np.linalg.norm(fitted - found["body_potentials"])
    assert residual / np.linalg.norm(found["body_potentials"]) < 0.2
    table = np.genfromtxt(folder / "activation.csv", delimiter=",", names=True)
    assert table.dtype.names[-2:] == ("activation_time_ms", "sd_ms") and len(table) == 42


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"method": "magic"}, "magic"),
        ({"method": "tikhonov-1", "criterion": "guess"}, "'guess' is none of creso"),
        ({"potential_unit": "mV"}, "are they uV"),
        ({"unit": "cm"}, "is it in mm"),
        ({"rows": "1-99"}, "rows 1 to 99 of 81 for 81 electrodes"),
        ({"potentials": "nothing.mat"}, "nothing.mat"),
        ({"heart": "nothing.vtp"}, "nothing.vtp"),
        ({"axes": "LAS"}, "mirror"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(files, changed, message, capsys):
    assert run(files, **changed) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not files["--to"].exists()


def test_the_tutorial_runs():
    found = run_tutorial("inverse")
    assert np.abs(found["error"]).mean() < 8.0 and found["case"].bad_leads == {}
