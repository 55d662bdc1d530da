"""Stores and published folder in any order of writing, dying, appending, publishing and checking.

Whatever happened, what exists is whole and passes its check, or is refused with one line, and
nothing that existed is lost.
"""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import stage_arrays, write_patient_store, write_stages
from helpers.kills import LATE, killed_at
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from einthoven.app.run.run_check import check
from einthoven.base.config.load import as_params
from einthoven.base.config.models import Config, PublicationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import earlier_of, restore_folder, temporaries
from einthoven.base.core.names import patient_name
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.consolidate import consolidate, row_faults
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.publish.folder.folder_check import SUMS, check_folder, check_sums
from einthoven.data.publish.folder.write import publish_folder

CONFIG = as_params(Config())
N_PATIENTS, N_VERSIONS = 2, 2
STEPS = {"write": 350, "consolidate": 210, "publish": 390}
"""About as many steps as an operation has."""
death = st.none() | st.sampled_from(sorted(LATE)) | st.floats(0, 1)
"""None, a step by its name, or the share of an operation's steps after which the process dies."""


@cache
def stages(index, version):
    """Stage files of a version of a patient, written once."""
    folder = Path(tempfile.mkdtemp(prefix="stages"))
    return write_stages(folder, index + 3 * version, name=patient_name(index))


class Stores(RuleBasedStateMachine):
    """Folder of patients' stores, the consolidated store and the published folder.

    The model is what must be there: versions of patients that may be in a store, because a dying
    process leaves the old or the new one.
    """

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="states"))
        self.dataset = self.folder / "einthoven.zarr.zip"
        self.published = self.folder / "published"
        (self.folder / "Snakefile").write_text("rule all:\n")
        self.versions: dict[int, int] = {}
        self.consolidated: dict[int, int] | None = None
        self.once_published = False
        self.sound: set[object] = set()

    def teardown(self):
        self.the_published_folder_is_whole_or_put_aside()
        shutil.rmtree(self.folder)

    def check(self, store):
        """Check a store, once for each that was put in place."""
        if (now := (store, store.stat().st_ino, store.stat().st_mtime_ns)) not in self.sound:
            check_store(store)
            self.sound.add(now)

    def path(self, index):
        return self.folder / "patients" / f"{patient_name(index)}.zarr.zip"

    def dying(self, operation, target, dies):
        last = int(dies * STEPS[operation]) if isinstance(dies, float) else dies
        return killed_at(target, last)

    @rule(index=st.integers(0, N_PATIENTS - 1), version=st.integers(0, N_VERSIONS - 1), dies=death)
    def write(self, index, version, dies):
        """Write a patient's store, the first time or another version."""
        path = self.path(index)
        before = path.read_bytes() if path.exists() else None
        with self.dying("write", path, dies) as steps:
            write_patient_store(path, **stages(index, version))
        if not steps.dead or (path.exists() and path.read_bytes() != before):
            self.versions[index] = version
        else:
            assert (path.read_bytes() if path.exists() else None) == before
        if not steps.dead:
            assert not [p for p in temporaries(path.parent) if path.name in p.name]

    @precondition(lambda self: self.versions)
    @rule(dies=death)
    def append(self, dies):
        """Consolidate all patients that there are."""
        before = self.dataset.read_bytes() if self.dataset.exists() else None
        with self.dying("consolidate", self.dataset, dies) as steps:
            consolidate(self.dataset, [self.path(k) for k in sorted(self.versions)], CONFIG)
        after = self.dataset.read_bytes() if self.dataset.exists() else None
        if not steps.dead or after != before:
            self.consolidated = dict(self.versions)

    @precondition(lambda self: self.consolidated)
    @rule(dies=death)
    def publish(self, dies):
        """Publish the consolidated store with its patients' stores."""
        patients = [self.path(k) for k in sorted(self.consolidated)]
        sources = {"provenance/workflow/Snakefile": self.folder / "Snakefile"}
        with self.dying("publish", self.published, dies) as steps:
            publish_folder(self.dataset, patients, PublicationSettings(sample_patients=1),
                           sources, None, self.published)  # fmt: skip
        self.once_published |= self.published.exists()
        if not steps.dead:
            assert not earlier_of(self.published).exists()
        self.the_published_folder_is_whole_or_put_aside()

    @precondition(lambda self: self.once_published)
    @rule()
    def recover(self):
        """A folder whose replacement was interrupted is refused, and is put back."""
        if not self.published.exists():
            assert "the earlier version is" in refused(lambda: check(self.published))
            restore_folder(self.published)
        assert self.published.exists()

    @precondition(lambda self: self.consolidated)
    @rule()
    def reopen(self):
        """Values of the consolidated store are those of the stage files."""
        tree = open_dataset(self.dataset)
        names = [patient_name(k) for k in sorted(self.consolidated)]
        assert tree.patient.values.tolist() == names
        for index, version in self.consolidated.items():
            ecg = tree["ecg"]["ecg"].sel(patient=patient_name(index)).values
            assert np.array_equal(ecg, stage_arrays(index + 3 * version)["ecg"]["ecg"])

    @invariant()
    def every_store_is_whole(self):
        """What a name shows passes its check, and all that was written is there."""
        for index in range(N_PATIENTS):
            assert self.path(index).exists() == (index in self.versions)
            if index in self.versions:
                self.check(self.path(index))
        if self.consolidated is not None:
            self.check(self.dataset)
            stale = [k for k, v in self.consolidated.items() if self.versions[k] != v]
            differing = row_faults(self.dataset, [self.path(k) for k in self.consolidated])
            assert {path for path, _ in differing} == {self.path(k) for k in stale}

    def the_published_folder_is_whole_or_put_aside(self):
        """It passes, or names patients that are newer than the data set."""
        if not self.once_published:
            assert not self.published.exists()
            return
        place = self.published if self.published.exists() else earlier_of(self.published)
        if (sums := (place / SUMS).read_bytes()) in self.sound:
            assert not check_sums(place)
        elif fault := refused(lambda: check_folder(place)):
            assert "differs from einthoven.zarr.zip; one was edited" in fault
        else:
            self.sound.add(sums)


def refused(action):
    """One line with which an action refuses; empty if it does not."""
    try:
        action()
    except BadInput as error:
        assert "\n" not in str(error)
        return str(error)
    return ""


def test_each_late_death_leaves_what_was_published():
    """The states that chance may miss: the last steps of each operation."""
    stores = Stores()
    stores.write(0, 0, None)
    stores.append(None)
    stores.publish(None)
    stores.write(0, 1, "put in place")
    assert stores.versions[0] == 0
    stores.write(0, 1, None)
    stores.append("put in place")
    stores.every_store_is_whole()
    stores.append(None)
    for dies in sorted(LATE):
        stores.publish(dies)
        assert stores.published.exists() == (dies != "put in place")
        stores.recover()
    stores.reopen()
    stores.teardown()


QUIET = dict(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


class TestFewStates(Stores.TestCase):
    settings = settings(max_examples=2, stateful_step_count=6, derandomize=True, **QUIET)


@pytest.mark.slow
class TestManyStates(Stores.TestCase):
    settings = settings(max_examples=60, stateful_step_count=15, **QUIET)
