"""The published data as files of that form, and every kind of folder that is broken."""

import numpy as np
import pytest
from helpers.imaging_corpus import write_llnl
from llnl import read_llnl

from einthoven.base.core.errors import BadInput


@pytest.fixture
def folder(tmp_path):
    write_llnl(tmp_path)
    return tmp_path


def test_pairs_become_a_corpus(folder):
    found = read_llnl(folder)
    assert len(found) == 16 and set(found.ecgs) == {"pseudo"}
    assert set(found.patient) == {"v0", "v1", "v2", "v3"}
    assert set(found.pattern) == {"pattern-0", "pattern-1"}
    for name in np.unique(found.patient):
        assert len(np.unique(found.split[found.patient == name])) == 1, "no volunteer in two splits"
    assert set(found.split) == {"train", "val", "test"}
    v_m = found.v_m(np.array([3, 5]))
    assert np.array_equal((v_m > 0).argmax(-1), found.activation_time[[3, 5]])


def test_leads_are_those_of_the_authors(folder):
    found = read_llnl(folder)
    first = sorted(folder.rglob("pECG*.npy"))[0]
    ra, la, ll, _, *v = np.load(first).T
    wilson = (ra + la + ll) / 3
    theirs = [la - ra, ll - ra, ll - la, *(1.5 * (x - wilson) for x in (ra, la, ll)),
              *(x - wilson for x in v)]  # fmt: skip
    assert np.allclose(found.ecg("pseudo")[0], theirs, atol=1e-5)


def lose_a_partner(folder):
    sorted(folder.rglob("VmData*"))[0].unlink()


def lose_an_ecg(folder):
    sorted(folder.rglob("pECGData*"))[0].unlink()


def cut(folder):
    path = sorted(folder.rglob("VmData*"))[0]
    path.write_bytes(path.read_bytes()[:5000])


def replace(word, change):
    def broken(folder):
        path = sorted(folder.rglob(f"{word}*"))[0]
        np.save(path, change(np.load(path)))

    return broken


def rename(folder):
    for word in ("pECGData", "VmData"):
        path = sorted(folder.rglob(f"{word}*pattern.0*"))[0]
        path.rename(path.with_name(path.name.replace("volunteer.", "v")))


def keep_two(folder):
    for path in folder.rglob("*volunteer.v[23]*"):
        path.unlink()


def keep_none(folder):
    for path in folder.rglob("*.npy"):
        path.unlink()


BROKEN = {
    "no VmData file of this simulation": lose_a_partner,
    "no pECGData file of this simulation": lose_an_ecg,
    "not a readable .npy": cut,
    "is transposed": replace("VmData", np.transpose),
    "expected .500, 10.": replace("pECGData", lambda x: x[:, :9]),
    "expected .500, 75.": replace("VmData", lambda x: x[:400]),
    "1 of 5000 values are NaN": replace("pECGData", lambda x: np.where(x == x.max(), np.nan, x)),
    "in uV or V": replace("VmData", lambda x: 1000 * x),
    "all zero": replace("pECGData", np.zeros_like),
    "not numbers": replace("pECGData", lambda x: x.astype(str)),
    "lacks volunteer.vN": rename,
    "need three volunteers": keep_two,
    "own folder": keep_none,
}


@pytest.mark.parametrize("message", BROKEN)
def test_broken_folders_get_one_clear_error(folder, message):
    BROKEN[message](folder)
    with pytest.raises(BadInput, match=message):
        read_llnl(folder)


def test_no_folder(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        read_llnl(tmp_path / "none")
