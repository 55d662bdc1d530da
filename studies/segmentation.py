"""Accuracy of hearts from label images: drawn hearts are voxelised and imported again.

    python studies/segmentation.py --json segmentation.json --picture labels.png

Six stacks of each kind: three drawn hearts (the mean, and the first two modes at +-1.5 SD), slices
perpendicular to the heart's axis or tilted by 12 degrees, the grid at another offset each time.
"""

import argparse
import json
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.label_images import drawn_heart, grid_around, label_image, write_nifti  # noqa: E402

from einthoven.base.core.tags import Surface  # noqa: E402
from einthoven.base.geometry.closest import TriangleTree  # noqa: E402
from einthoven.base.geometry.simplex import enclosed_volume, normal_sd  # noqa: E402
from einthoven.body.segmentation.segmented_heart import segmented_heart  # noqa: E402

KINDS = {
    "1.25 iso": (1.25,) * 3,
    "1.5 x 1.5 x 8": (1.5, 1.5, 8.0),
    "1.5 x 1.5 x 10": (1.5, 1.5, 10),
}
HEARTS = ((), (1.5, -1.5), (-1.5, 1.5))
TILTS_DEG = (0.0, 12.0)
N_OFFSETS = 6
TAGS = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "epi": Surface.EPI}
LABELS = {"rv": 1, "myo": 2, "lv": 3, "rv_myo": 4}
CLEAR_MM = 12.0
"""The base itself, where a stack ends, is left out: so far below it errors are measured."""


def recover(heart, axes, spacing, tilt_deg, shift):
    """Labels, their grid, and the heart that comes of them."""
    tilt = Rotation.from_rotvec(np.radians(tilt_deg) * axes[:, 1]).as_matrix()
    grid = grid_around(heart.points, tilt @ axes, spacing, shift)
    labels = label_image(heart, grid, LABELS)
    with tempfile.TemporaryDirectory() as folder:
        path = write_nifti(Path(folder) / "heart.nii.gz", labels, grid)
        return labels, grid, segmented_heart(path, "acdc rv_myo=4")


def errors_of(heart, axes, found):
    """Distances mm to the true surfaces, and over the stated SD: region -> [vertex] each."""
    up, result = axes[:, 2], {}
    top = (heart.points[np.unique(heart.tagged(Surface.BASE))] @ up).min() - CLEAR_MM
    wall = found.wall
    for name, tag in TAGS.items():
        faces = wall.tagged(tag)
        centre = wall.points[faces].mean(axis=1)
        low = centre @ up < top
        off = TriangleTree(*heart.closed(name)).closest(centre[low]).distance
        result[name] = off, off / normal_sd(wall.points, faces[low], found.covariance_mm2)
    return result


def row(spacing):
    """Numbers of one kind of image."""
    off, scaled, volumes = {name: [] for name in TAGS}, [], []
    for k, (coeffs, tilt) in enumerate(product(HEARTS, TILTS_DEG)):
        shift = k / N_OFFSETS
        heart, axes = drawn_heart(coeffs)
        _, _, found = recover(heart, axes, spacing, tilt, shift)
        for name, (mm, sds) in errors_of(heart, axes, found).items():
            off[name].append(mm)
            scaled.append(sds)
        lv, rv, epi = (enclosed_volume(*heart.closed(name)) / 1000 for name in TAGS)
        true = {"lv": lv, "rv": rv, "myocardium": epi - lv - rv}
        volumes.append([found.volumes_ml[part] / true[part] - 1 for part in true])
        print(coeffs, tilt, shift, np.round(volumes[-1], 3), flush=True)
    per_region = {name: dict(zip(("mean_mm", "p95_mm", "max_mm"), (
        float(np.concatenate(v).mean()), float(np.quantile(np.concatenate(v), 0.95)),
        float(np.concatenate(v).max())))) for name, v in off.items()}  # fmt: skip
    z = np.concatenate(scaled)
    return per_region | {
        "within_1_sd": float((z < 1).mean()), "within_2_sd": float((z < 2).mean()),
        "volume_mean": np.mean(volumes, axis=0).tolist(),
        "volume_worst": np.abs(volumes).max(axis=0).tolist(), "n": len(volumes),
    }  # fmt: skip


def picture(path):
    """Labels, the recovered surfaces, and these cut open with the true outline."""
    import pyvista as pv

    heart, axes = drawn_heart()
    labels, grid, found = recover(heart, axes, KINDS["1.5 x 1.5 x 8"], 0.0, 0.1)
    index = pv.ImageData(dimensions=np.array(labels.shape) + 1, origin=(-0.5,) * 3)
    index.cell_data["label"] = labels.ravel(order="F")
    voxels = index.threshold(0.5)
    voxels.points = voxels.points @ grid.steps.T + grid.origin
    plotter = pv.Plotter(off_screen=True, shape=(1, 3), window_size=[1500, 560], border=False)
    colours = {"lv": "#c1121f", "rv": "#2a6f97", "epi": "#e0a899"}
    for column in range(3):
        plotter.subplot(0, column)
        if column == 0:
            plotter.add_mesh(
                voxels,
                scalars="label",
                show_scalar_bar=False,
                clim=(1, 4),
                cmap=["#2a6f97", "#e0a899", "#c1121f", "#8fb8d0"],
                lighting=False,
            )
        for name, tag in TAGS.items() if column else ():
            mesh = pv.PolyData.from_regular_faces(found.wall.points, found.wall.tagged(tag))
            if column == 2:
                mesh = mesh.clip(axes[:, 1], origin=found.wall.points.mean(axis=0))
            plotter.add_mesh(mesh, color=colours[name], opacity=1.0 if column == 2 else 0.5)
        if column == 2:
            for name in TAGS:
                true = pv.PolyData.from_regular_faces(*heart.closed(name))
                cut = true.slice(axes[:, 1], origin=found.wall.points.mean(axis=0))
                plotter.add_mesh(cut, color="black", line_width=3)
        centre = found.wall.points.mean(axis=0)
        plotter.camera.focal_point, plotter.camera.up = centre, axes[:, 2]
        plotter.camera.position = centre + 300 * (axes[:, 1] + 0.25 * axes[:, 2])
        plotter.camera.zoom(1.1)
    plotter.set_background("white")
    plotter.screenshot(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    if arguments.picture:
        picture(arguments.picture)
    if arguments.json:
        rows = {}
        for kind, spacing in KINDS.items():
            rows[kind] = row(spacing)
            Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
