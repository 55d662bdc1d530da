"""Content of `pip install .`: every module and every data file of the package."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names in the wheel, built from a copy of what git knows; without network."""
    pytest.importorskip("setuptools", "70")
    folder = tmp_path_factory.mktemp("wheel")
    for name in [*tracked("src"), "pyproject.toml", "README.md"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


def tracked(folder: str) -> list[str]:
    """Files that git knows, relative to the root."""
    done = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout: which files belong to the package is not known")
    return done.stdout.split()


def test_the_wheel_holds_every_module_and_every_data_file(wheel) -> None:
    ours = {name.removeprefix("src/") for name in tracked("src")}
    assert len(ours) > 300
    found = {name for name in wheel if ".dist-info/" not in name}
    assert not ours - found, "add it to package-data in pyproject.toml"
    assert not found - ours


def test_the_wheel_brings_the_command(wheel) -> None:
    assert any(name.endswith(".dist-info/entry_points.txt") for name in wheel)
