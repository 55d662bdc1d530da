"""Inverse ECG from files of your own, which this tutorial makes. Run by the tests.

On the command line: einthoven inverse --heart heart.vtp --torso torso.vtp
--electrodes electrodes.csv --potentials potentials.csv --method tikhonov-1 --to found
"""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyvista as pv
from matplotlib.figure import Figure

import einthoven as ei

# The files: an ellipsoidal heart in an ellipsoidal body, and a wave from the apex to the base.
folder, rng = Path(mkdtemp()), np.random.default_rng(1)
sphere = pv.Icosphere(nsub=2)
heart = sphere.scale([40, 35, 45], inplace=False).translate([20, -30, 10], inplace=False)
torso = sphere.scale([170, 110, 220], inplace=False)
heart.save(folder / "heart.vtp")
torso.save(folder / "torso.vtp")
nodes = rng.permutation(torso.n_points)[:120]
names = [f"E{k:03d}" for k in range(len(nodes))]
lines = [f"{name},{node + 1}" for name, node in zip(names, nodes)]  # nodes count from 1
(folder / "electrodes.csv").write_text("\n".join(["name,node", *lines]))

time = np.arange(0.0, 520.0, 2.0)
activation = 100.0 + (heart.points[:, 2] - heart.points[:, 2].min()) / 0.9  # ms, at 0.9 mm/ms
fall = 10.0 / (1 + np.exp((activation[:, None] - time) / 3.0))  # mV, the downslope is activation
true = 10.0 / (1 + np.exp((420.0 - time) / 15.0)) - fall  # and all recover at once
transfer = ei.heart_to_torso(
    (np.asarray(heart.points, float), heart.regular_faces),
    (np.asarray(torso.points, float), torso.regular_faces),
).matrix
body = transfer[nodes] @ true + rng.normal(0, 0.02, (len(nodes), len(time)))
table = np.column_stack([time, body.T])
np.savetxt(folder / "potentials.csv", table, delimiter=",", header=",".join(["time_ms", *names]),
           comments="")  # fmt: skip

# From the files to the potentials on the heart.
surfaces = [ei.read_surface(folder / f"{part}.vtp", part) for part in ("heart", "torso")]
electrodes = ei.read_electrodes(folder / "electrodes.csv", surfaces[1])
case = ei.prepare_inverse(*surfaces, electrodes, ei.read_potentials(folder / "potentials.csv"))
print(*case.notes, sep="\n")
found = ei.reconstruct_case(case, ei.InverseChoice("tikhonov-1"))
found.save(folder / "found.npz")

print(found.summary)
started = case.beat.start_ms  # times of the reconstruction count from here
error = found.activation_time + started - activation
print(f"activation times {np.abs(error).mean():.1f} ms off, median SD stated "
      f"{np.median(found.activation_sd):.1f} ms")  # fmt: skip

figure = Figure(figsize=(5.0, 4.5), layout="constrained")
axes = figure.subplots()
axes.plot([100, 200], [100, 200], color="black", lw=0.8)
axes.errorbar(activation, found.activation_time + started, found.activation_sd, fmt="o", ms=3,
              lw=0.8)  # fmt: skip
axes.set(xlabel="simulated activation (ms)", ylabel="reconstructed, with SD (ms)")
