"""Page on the layout of all formats, from the tables that writers and checker use."""

from collections.abc import Iterable, Iterator

from einthoven.data.dataset.layout import FORMAT_VERSION, LAYOUTS, STAGE_LAYOUT, Variable

HEAD = """\
# The data set's layout

Made by `tools/write_data_format.py` from `einthoven/data/dataset/layout.py`, which writers and
checker use too.

Both stores are Zarr v3, zipped without compression into one file. Arrays are compressed with
Zstandard and carry a CRC-32C per chunk, so a flipped byte is an error and not a number. The zip's
comment, so the file, ends with a seal: the SHA-256 of all bytes before it, as 64 hex digits.
`einthoven check FILE_OR_FOLDER` reads all of it: the seal tells whether any bit differs, the zip's
CRC-32 and headers tell in which member, and the tables below which members there must be, and that
there are no others. The attribute `format_version` of the root is {version}. The same config and
seed give the same bytes. The consolidated store is sharded by patient, and stored lazily readable:

```python
import xarray as xr
from zarr.storage import ZipStore

store = ZipStore("results/dataset/einthoven.zarr.zip", mode="r")
tree = xr.open_datatree(store, engine="zarr", chunks={})
field = xr.open_zarr(store, group="field")
```

`einthoven.open_dataset` does the same with clear errors; `einthoven.data.dataset.torch_loader` is a
torch data set, and `einthoven.Patient.open(STORE)` gives a patient's stages as objects. Unzipped
with any tool, the folder is an ordinary Zarr v3 store.

Features of every beat (QRS, QT, axes, and in each lead the Q, R, S, ST and T waves) lie beside the
ECGs under their names ([definitions](reference/ecg-features.md)). What cannot be measured, such as
the end of a T wave that is not there, is NaN; no other array but unknown coefficients of imported
patients has NaN.

```python
ecg = einthoven.open_dataset("results/dataset/einthoven.zarr.zip")["ecg"]
t_v5 = ecg.ecg_features.sel(scenario="sinus", feature="t_mv_v5")    # [patient] mV
einthoven.Patient.open(STORE).ecg.features_of("sinus")["qrs_ms"]
```

Speeds of conduction and durations of the action potential are each patient's own where the section
`variation` says so; `physiology` has the values that were used, with units in the names. They are
also columns of `results/cohort.csv`, the cohort's sheet.

```python
tree = einthoven.open_dataset("results/dataset/einthoven.zarr.zip")
tree["physiology"].value.sel(setting="cv_fiber_mm_per_ms")          # [patient] mm/ms
```

Patients are `p0000`, electrodes have names (`RA`, `V1`, `A017`), splits are by patient (coordinate
`split`), and so is the sex (`sex`; the attribute of a patient's store is null where it is unknown).
Frames, signs and symbols: [notation](reference/notation.md).
"""


STAGES = """
## Stage files

`results/patients/{patient}/*.npz`, written and read by the classes of `einthoven.data.patient`,
which check them against these tables: atomic, the same stage gives the same bytes. `coordinates`
lie in `fibers.npz`; `activation` is a file per scenario, `leadfield` one per batch of electrodes.
"""


def document() -> str:
    """The whole page."""
    parts = [HEAD.replace("{version}", str(FORMAT_VERSION))]
    for kind, layout in LAYOUTS.items():
        parts.append(f"\n## {kind}\n")
        for group, variables in layout.items():
            parts.append(f"\n### `/{group.strip('/')}`\n")
            parts += _table((v.name, v) for v in variables)
    parts.append(STAGES)
    for stage, variables in STAGE_LAYOUT.items():
        parts.append(f"\n### `{stage}`\n")
        parts += _table((v.stage_name, v) for v in variables)
    return "".join(parts)


def _table(rows: Iterable[tuple[str, Variable]]) -> Iterator[str]:
    yield "\n| variable | dimensions | dtype | unit | meaning |\n|---|---|---|---|---|\n"
    for name, v in rows:
        dims = ", ".join(v.dims)
        yield f"| `{name}` | {dims} | {v.dtype} | {v.units} | {v.long_name} |\n"
