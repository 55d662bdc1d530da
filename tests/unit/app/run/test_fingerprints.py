"""The fingerprint follows imports: an edit reaches the rules that depend on it, and no others."""

from pathlib import Path

import pytest

from einthoven.app.run import fingerprints
from einthoven.app.run.inverse_plan import NETWORKS
from einthoven.inverse.problem.registry import METHODS, module_of

ROOT = Path(__file__).resolve().parents[4]
SCRIPTS = ROOT / "workflow" / "scripts"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the rooms core <- mesh <- fibers, and a script for each."""
    root = tmp_path / "einthoven"
    files = {
        "__init__.py": "",
        "base/__init__.py": "",
        "body/__init__.py": "",
        "base/core/__init__.py": "",
        "base/core/check.py": "def check(): return 1\n",
        "body/mesh/__init__.py": "",
        "body/mesh/quality.py": "from einthoven.base.core import check\n",
        "body/fibers/__init__.py": "",
        "body/fibers/ldrb.py": "def f():\n    from einthoven.body.mesh.quality import x\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "mesh.py").write_text("import einthoven.body.mesh.quality\n")
    (tmp_path / "fibers.py").write_text("from einthoven.body.fibers import ldrb\n")
    monkeypatch.setattr(fingerprints, "ROOT", root)

    def prints():
        forget()
        return {n: fingerprints.fingerprint(tmp_path / f"{n}.py") for n in ("mesh", "fibers")}

    yield root, prints
    forget()


def forget():
    for cached in (fingerprints._read, fingerprints._file_of, fingerprints._data_hash):
        cached.cache_clear()


@pytest.mark.parametrize(
    "edited, changed",
    [
        ("body/fibers/ldrb.py", {"fibers"}),
        ("body/mesh/quality.py", {"mesh", "fibers"}),
        ("base/core/check.py", {"mesh", "fibers"}),
        ("body/mesh/__init__.py", {"mesh", "fibers"}),
    ],
)
def test_an_edit_reaches_those_who_import_it(package, edited, changed):
    root, prints = package
    before = prints()
    with open(root / edited, "a") as file:
        file.write("\nANSWER = 42\n")
    after = prints()
    assert {name for name in before if before[name] != after[name]} == changed


def test_comments_and_docstrings_do_not_count(package):
    root, prints = package
    before = prints()
    text = '"""Doc."""\n# comment\ndef check():\n    """Doc."""\n    return 1\n'
    (root / "base/core/check.py").write_text(text)
    assert prints() == before


def test_data_of_a_room_counts(package):
    root, prints = package
    before = prints()
    (root / "body/fibers/data").mkdir()
    (root / "body/fibers/data/atlas.npz").write_bytes(b"1")
    after = prints()
    assert before["mesh"] == after["mesh"] and before["fibers"] != after["fibers"]


def test_what_is_kept_of_a_file_holds_for_its_bytes(package, monkeypatch):
    root, prints = package
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    before = prints()
    kept = sorted(root.rglob("*.fingerprint"))
    assert root / "base/core/__pycache__/check.fingerprint" in kept
    with monkeypatch.context() as patch:
        patch.setattr(fingerprints, "_parsed", None)  # nobody parses again
        assert prints() == before
    for file in kept:
        file.write_text(file.read_text()[:20])
    assert prints() == before


INVERSE = {"inverse_problem", "inverse_operators"}
TRAINED = {"encoder", "imported_code", "predict", "reconstruct", "search", "surrogate",
           "uncertainty"}  # fmt: skip
OPERATOR = {"operator_train", "operator_uncertainty", "operator_predict"}
SIMULATED = {"imaging_beats", "imaging_simulate", "infarct_simulate"}
SHIPPED = SIMULATED | {"beat"}
"""Scripts that simulate beats by the shipped operator or lead fields."""
TRAINS = {"imaging_train", "imaging_evaluate"}
"""Scripts of the networks that image."""
IMAGING = TRAINS | {"reproduction_nearest"}
"""Scripts that read simulated beats."""
ALL = {script.stem for script in SCRIPTS.glob("*.py")}
P_WAVE = {
    "ecg",
    "beat",
    "imaging_beats",
    "predict",
    "operator_predict",
    "inverse_operators",
    "published",
}
"""Scripts that compute ECGs, or check them."""
REACHES = {
    "body/anatomy/electrodes.py": {"anatomy", "import_patient", "shapes"},
    "body/anatomy/population/girths.py": {
        "anatomy",
        "import_patient",
        "population",
        "shapes",
        "imaging_simulate",
    },
    "body/anatomy/population/comparison.py": {"population"},
    "body/imported/read.py": {"import_patient"},
    "base/config/physiology.py": {"import_patient", "patient_store"},
    "body/mesh/quality.py": {"mesh"},
    "body/fibers/ldrb.py": {"fibers"},
    "numerics/fem/laplace.py": {
        "fibers",
        "substrate",
        "ecg",
        "predict",
        "operator_predict",
        "first",
        "published",
        "report",
    }
    | INVERSE
    | IMAGING
    | SHIPPED,
    "imaging/inputs/points.py": SHIPPED | IMAGING,
    "imaging/networks/trunk.py": TRAINS,
    "physics/electrophysiology/purkinje/growth.py": {"purkinje"} | SIMULATED | IMAGING,
    "physics/electrophysiology/hopf_lax.py": {"activation"} | SHIPPED | IMAGING | P_WAVE,
    "physics/electrophysiology/atria/shells.py": P_WAVE,
    "physics/electrophysiology/substrate/make.py": {"substrate"} | SIMULATED | IMAGING,
    "physics/leadfield/neumann.py": {"leadfield", "published"} | INVERSE,
    "physics/ecg/leads.py": {
        "ecg",
        "predict",
        "operator_predict",
        "inverse_operators",
        *SHIPPED,
        "published",
        "report",
        "recording",
    }
    | IMAGING,
    "data/dataset/checker.py": {"consolidate", "published"},
    "base/metrics/surfaces.py": {"reconstruct"},
    "learning/encoders/deepsdf/auto_decoder.py": TRAINED | SHIPPED,
    "numerics/training/loop.py": TRAINED | (OPERATOR - {"operator_predict"}) | SHIPPED | TRAINS,
    "learning/surrogate/refraction.py": {
        "predict",
        "search",
        "surrogate",
        "uncertainty",
        *SHIPPED,
    },
    "learning/surrogate/operator/operator_network.py": OPERATOR | SHIPPED,
    "numerics/bem/incident.py": OPERATOR | SHIPPED | {"predict"},  # under the atria
    "base/plots/scene.py": {"first", "report"},
    "base/core/files.py": ALL - {"reproduction_zhu"},  # a study writes its file
    "base/core/log.py": set(),
    "app/run/job.py": set(),
    "app/run/records.py": set(),
    "app/cli/__init__.py": set(),
}
"""Edited module -> scripts with another fingerprint; Snakemake runs these, and what follows."""


@pytest.mark.parametrize("module", REACHES)
def test_a_module_reaches_the_scripts_that_use_it(module):
    path = fingerprints.ROOT / module
    assert path.is_file()
    reached = {
        s.stem for s in SCRIPTS.glob("*.py") if path in fingerprints.dependencies(s).values()
    }
    assert reached == REACHES[module]


def test_data_of_the_atlases_reach_the_anatomies():
    data = fingerprints.ROOT / "body/anatomy/shape/data"
    for script in ("anatomy", "shapes", "import_patient"):
        files = fingerprints.dependencies(SCRIPTS / f"{script}.py").values()
        assert data in {path.parent / "data" for path in files}


@pytest.mark.parametrize(
    "edited, reached",
    [
        ("inverse/methods/waves/prior.py", {"waves", "average"}),
        ("inverse/baselines/networks/fit.py", set(METHODS) & NETWORKS),
        ("inverse/methods/fundamental_solutions.py", {"mfs"}),
        ("inverse/problem/method.py", set(METHODS)),
        ("inverse/synthetic/scores.py", set(METHODS)),
    ],
)
def test_an_edit_of_one_inverse_method_reaches_its_own_fits(edited, reached):
    path, script = fingerprints.ROOT / edited, SCRIPTS / "inverse_fit.py"
    assert path.is_file()
    found = {
        name
        for name in METHODS
        if path in fingerprints.dependencies(script, module_of(name)).values()
    }
    assert found == reached
