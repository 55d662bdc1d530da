"""An atlas named in the config is an input of the anatomy: another file makes patients anew."""

import helpers.atlas as stand_in
import pytest
from helpers.workflow import CI, copy_project, planned, snakemake

from einthoven.body.atlases import fetch

TARGET = ("--cores", "1", "results/patients/p0000/anatomy.npz")


def with_atlas(path):
    return (*CI, "--config", f"anatomy={{heart_atlas: {path}}}", "cohort={n_heart_modes: 3}")


@pytest.mark.slow
@pytest.mark.workflow
def test_another_atlas_file_makes_the_anatomy_again(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "SHIPPED_EDGES_MM", (4.0,))
    folder = copy_project(tmp_path / "project")
    done = snakemake(folder, "--dry-run", *TARGET, *with_atlas("atlases/uk-biobank.npz"))
    assert done.returncode != 0
    assert "anatomy.heart_atlas: atlases/uk-biobank.npz: no such file" in done.stderr

    stand_in.write_ukb(tmp_path / "published")
    atlas = fetch.fetch("uk-biobank", tmp_path / "published", folder / "atlases", "ED", 3)
    arguments = (*TARGET, *with_atlas("atlases/uk-biobank.npz"))
    done = snakemake(folder, *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "anatomy" not in planned(folder, *arguments)
    with atlas.open("ab") as file:
        file.write(b"another file")  # after the end of a ZIP archive
    assert planned(folder, *arguments)["anatomy"] == 1
