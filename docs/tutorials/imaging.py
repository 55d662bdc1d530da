"""An activation map from a 12-lead ECG, with its uncertainty, against the truth. Run by the tests.

The ECG is simulated: a sinus beat of an anatomy of which the model saw nothing, with 300 ms of rest
before it and noise of 5 uV. Its physiology is that of the default config, with Purkinje trees and
one plateau. The model learned from simulated people, so the checks say that this ECG is unlike
them, and its intervals hold less than 90 % of the points: a recording would not be believed. On the
command line: einthoven image simulated_sinus.csv
"""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from matplotlib.figure import Figure

import einthoven as ei

here = Path(__file__).parent

# From the file to draws of activation maps. The header names leads and units.
recording = ei.read_ecg(here / "simulated_sinus.csv")
found = ei.image(recording)
print(found.line(), *found.warnings, sep="\n")

# Against the simulation, at 75 points.
truth = np.genfromtxt(here / "simulated_sinus_truth.csv", delimiter=",", skip_header=1)[:, 1]
error = np.abs(found.median - truth)
low, high = found.interval
inside = (low <= truth) & (truth <= high)
print(f"error {error.mean():.1f} ms; within the 90 % intervals {inside.mean():.0%} of the points")

# The files for tables and pictures: activation.csv, activation.json, activation.npz.
folder = Path(mkdtemp())
found.write(folder)
print(*(folder / "activation.csv").read_text().splitlines()[:3], sep="\n")

# Each point with its interval, over the simulated time. einthoven image --pictures draws maps.
figure = Figure(figsize=(5.0, 4.5), layout="constrained")
axes = figure.subplots()
axes.plot([0, 90], [0, 90], color="black", lw=0.8)
axes.errorbar(truth, found.median, np.abs(found.interval - found.median), fmt="o", ms=3, lw=0.8)
axes.set(xlabel="simulated activation (ms)", ylabel="from the ECG, with 90 % interval (ms)")
