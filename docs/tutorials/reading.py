"""The data set with xarray, with torch, and with numpy alone. Run by the tests.

`make demo` or `snakemake dataset` makes the file; units and names are in it.
The output below is of a run with config/ci.yaml.
"""

import numpy as np
import torch
import zarr
from matplotlib.figure import Figure

import einthoven as ei

path = "results/dataset/einthoven.zarr.zip"

# xarray: an opened tree has read no array yet.
tree = ei.open_dataset(path)
ecg = tree["ecg"]["ecg"].sel(lead="V2", scenario="sinus")  # [patient, time] mV
print(ecg.dims, ecg.attrs["units"], float(ecg.max()))

# torch: an example is one electrode of one patient, read by whichever worker it falls to.
fields = ["field/field_points", "field/field_grad"]
stream = ei.ExampleStream(
    path, fields, ei.ExampleSelection(split="train", electrodes=["V1", "V2"]), seed=1
)
for example in torch.utils.data.DataLoader(stream, batch_size=None):
    print(example["patient"], example["electrode"], tuple(example["field_grad"].shape))

# Without einthoven: Zarr v3 in a zip.
root = zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
names = root["patient"][:]
electrodes = root["electrode/electrode_points"][0]  # [electrode, 3] mm
gradients = root["field/field_grad"][0]  # [electrode, point, 3] kOhm/mm
strength = np.linalg.norm(gradients, axis=-1)
print(names[0], electrodes.shape, f"largest gradient {strength.max():.3g} kOhm/mm")

figure = Figure(figsize=(6.0, 3.0), layout="constrained")
axes = figure.subplots()
axes.plot(ecg["time"], ecg.values.T, label=ecg["patient"].values)
axes.set(xlabel=f"time ({ecg['time'].attrs['units']})", ylabel=f"V2 ({ecg.attrs['units']})")
axes.legend(frameon=False, fontsize=8)
