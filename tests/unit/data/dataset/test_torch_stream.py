"""The stream gives each example once, in a seeded order, whatever the number of workers."""

from collections import Counter

import numpy as np
import pytest
import torch
from helpers.dataset import ELECTRODES, SCENARIOS, write_patient

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.dataset.torch_loader import ExampleSelection, ExampleStream

FIELD = ("field/field_points", "field/field_grad")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stream")
    stores = [write_patient(folder, index) for index in range(3)]
    consolidate(folder / "einthoven.zarr.zip", stores, {})
    return folder / "einthoven.zarr.zip"


def seen(stream, n_workers=0):
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=n_workers)
    return [(example["patient"], example["electrode"]) for example in loader]


def test_every_example_comes_once(dataset):
    expected = Counter((f"p{k:04d}", name) for k in range(3) for name in ELECTRODES)
    stream = ExampleStream(dataset, FIELD)
    assert len(stream) == len(expected)
    assert Counter(seen(stream)) == Counter(seen(stream, 2)) == expected


def test_order_is_that_of_seed_and_epoch(dataset):
    first, same, other = (ExampleStream(dataset, FIELD, seed=seed) for seed in (3, 3, 4))
    assert seen(first) == seen(same) != seen(other)
    same.set_epoch(1)
    assert seen(same) != seen(first)
    stored = ExampleStream(dataset, FIELD, seed=None)
    assert seen(stored) == [(f"p{k:04d}", name) for k in range(3) for name in ELECTRODES]


def test_an_example_is_what_the_store_has(dataset):
    tree = open_dataset(dataset)["field"]
    for example in ExampleStream(
        dataset, FIELD, ExampleSelection(patients=["p0002"], electrodes=["V2", "RA"])
    ):
        stored = tree["field_grad"].sel(patient="p0002", electrode=example["electrode"]).values
        assert np.array_equal(example["field_grad"].numpy(), stored)


def test_points_of_one_tissue(dataset):
    field = open_dataset(dataset)["field"].sel(patient="p0001")
    inside = field["field_tissue"].values == Tissue.MYOCARDIUM
    assert 0 < inside.sum() < len(inside)
    select = ExampleSelection(patients=["p0001"], electrodes=["V1"], tissue=Tissue.MYOCARDIUM)
    (example,) = ExampleStream(dataset, FIELD, select)
    assert np.array_equal(example["field_points"].numpy(), field["field_points"].values[inside])
    grad = field["field_grad"].sel(electrode="V1").values[inside]
    assert np.array_equal(example["field_grad"].numpy(), grad)


def test_scenarios_of_a_split(dataset):
    stream = ExampleStream(dataset, ["ecg/ecg"], ExampleSelection(split="test"))
    found = [(e["patient"], e["scenario"], tuple(e["ecg"].shape)) for e in stream]
    assert {(p, s) for p, s, _ in found} == {("p0002", s) for s in SCENARIOS}
    assert all(shape[0] == 12 for *_, shape in found)


@pytest.mark.parametrize(
    ("variables", "select", "told"),
    [
        (["field/nothing"], ExampleSelection(), "no variable field/nothing"),
        (FIELD, ExampleSelection(electrodes=["V9"]), "no electrode V9"),
        (FIELD, ExampleSelection(patients=["p0009"]), "no patient p0009"),
        (FIELD, ExampleSelection(split="dev"), "no patient of split 'dev'"),
        (["field/field_grad", "ecg/ecg"], ExampleSelection(), "stream one"),
    ],
)
def test_what_is_not_there_is_named(dataset, variables, select, told):
    with pytest.raises(BadInput, match=told):
        ExampleStream(dataset, variables, select)
