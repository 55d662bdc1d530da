"""A published folder of three tiny patients, and ways to damage it."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import zarr

from einthoven.base.config.load import as_params
from einthoven.base.config.models import PublicationSettings
from einthoven.base.core.files import sha256_of
from einthoven.data.dataset.archive import pack
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.publish.folder.folder_check import SUMS, write_sums
from einthoven.data.publish.folder.write import publish_folder
from helpers.true_patients import TRUE_CONFIG, write_true_patient

STORE, PATIENT, SAMPLE = (
    "einthoven.zarr.zip",
    "patients/p0001.zarr.zip",
    "sample/einthoven.zarr.zip",
)
METRICS = {"methods": {"pseudo": {"angular_error_deg": {"mean": 14.3, "std": 1.0}}}}


def make_stores(folder: Path) -> None:
    """Stores of three tiny patients in `patients`, and the consolidated one."""
    (folder / "patients").mkdir()
    stores = [write_true_patient(folder / "patients", index) for index in range(3)]
    consolidate(folder / STORE, stores, as_params(TRUE_CONFIG))


def publish(folder, name="published", **settings):
    """The folder of three tiny patients."""
    stores = sorted((folder / "patients").glob("*.zarr.zip"))
    snakefile = folder / "Snakefile"
    snakefile.write_text("rule all:\n")
    sources = {"provenance/workflow/Snakefile": snakefile}
    to, said = folder / name, PublicationSettings(sample_patients=1, **settings)
    publish_folder(folder / STORE, stores, said, sources, METRICS, to)
    return to


def edit_store(path, aside, change):
    """Unpack a store, change it, pack it with a seal that fits."""
    folder = aside / "unpacked"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    change(folder)
    path.unlink()
    pack(folder, path)
    shutil.rmtree(folder)


def set_attr(root, key, value):
    path = root / "zarr.json"
    data = json.loads(path.read_text())
    data["attributes"][key] = value
    path.write_text(json.dumps(data))


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1
    path.unlink()  # the copy may share its bytes with others
    path.write_bytes(data)


def set_unit(root, array, unit, both=True):
    """Change a unit in an array's own metadata, and in the copy that the root has."""
    path = root / array / "zarr.json"
    data = json.loads(path.read_text())
    attributes = data["attributes"] | {"units": unit}
    if both:
        set_metadata(root, array, {"attributes": attributes})
    else:
        path.write_text(json.dumps(data | {"attributes": attributes}))


def set_metadata(root, array, changes):
    """Change metadata of an array, also in the copy that the root has."""
    own, whole = (json.loads((p / "zarr.json").read_text()) for p in (root / array, root))
    (root / array / "zarr.json").write_text(json.dumps(own | changes))
    whole["consolidated_metadata"]["metadata"][array].update(changes)
    (root / "zarr.json").write_text(json.dumps(whole))


def alter(root, array, change):
    target = zarr.open_array(root / array, mode="r+")
    values = np.asarray(target[...])
    target[...] = change(values)


def with_nan(values):
    values[(0,) * values.ndim] = np.nan
    return values


def first_twice(values):
    values[1] = values[0]
    return values


def one_chunk(array):
    return next(
        path for path in sorted(array.rglob("*")) if path.is_file() and path.name != "zarr.json"
    )


def set_dims(root, array):
    for path, at in ((root / array / "zarr.json", None), (root / "zarr.json", array)):
        data = json.loads(path.read_text())
        meta = data if at is None else data["consolidated_metadata"]["metadata"][at]
        meta["dimension_names"] = ["vertex", "xyz"]
        path.write_text(json.dumps(data))


def rewrite(name, old, new):
    def change(folder):
        path = folder / name
        text = path.read_text()
        assert old in text
        path.unlink()
        path.write_text(text.replace(old, new, 1))

    return change


def truncate(path):
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])


def empty(path):
    path.unlink()
    path.write_bytes(b"")


def append_line(path, line):
    text = path.read_text()
    path.unlink()
    path.write_text(text + line)


def unzip_again(folder: Path) -> None:
    """Make the unzipped store once more from the zipped one."""
    unzipped = folder / "einthoven.zarr"
    shutil.rmtree(unzipped)
    with zipfile.ZipFile(folder / STORE) as archive:
        archive.extractall(unzipped)


def sum_again(folder: Path) -> None:
    """Write all sums and sizes anew, as a careless packer does after a change."""
    for name in ("croissant.json", "ro-crate-metadata.json"):
        document = json.loads((folder / name).read_text())
        for item in document.get("distribution") or document["@graph"]:
            if "sha256" in item and (folder / item["@id"]).is_file():
                item["sha256"] = sha256_of(folder / item["@id"])
                if "contentSize" in item:
                    item["contentSize"] = f"{(folder / item['@id']).stat().st_size} B"
        (folder / name).write_text(json.dumps(document))
    (folder / SUMS).unlink()
    write_sums(folder, {})
