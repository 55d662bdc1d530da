"""UK Biobank atlas of the Cardiac Atlas Project (630 healthy subjects, 10.1186/s12968-019-0551-6).

`UKBRVLV.h5`: MU [2 * 3 * point] mm, COEFF (200 modes), LATENT [200] variances mm^2, EXPLAINED
[200] percent; Matlab's and h5py's orders of axes differ, sizes tell. A shape vector holds
end-diastole, then end-systole, each x1 y1 z1 x2 ...; a shape is
MU + sum_k score_k sqrt(LATENT_k) COEFF_k. The triangles are those of the template of biv-me:
`ETIndicesSorted.txt` (vertex numbers from 1) and `ETIndicesMaterials.txt` (one name per triangle).
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact
from einthoven.body.anatomy.shape.carry import outward, unit_model
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.atlases.components import as_points, principal_components, share_of

FILE = "UKBRVLV.h5"
TRIANGLES, MATERIALS = "ETIndicesSorted.txt", "ETIndicesMaterials.txt"
TAGS = {
    "LV_ENDOCARDIAL": Surface.LV_ENDO,
    "RV_SEPTUM": Surface.RV_ENDO,
    "RV_FREEWALL": Surface.RV_ENDO,
    "LV_EPICARDIAL": Surface.EPI,
    "RV_EPICARDIAL": Surface.EPI,
    "MITRAL_VALVE_CUT": Surface.BASE,
    "AORTA_VALVE_CUT": Surface.BASE,
    "TRICUSPID_VALVE_CUT": Surface.BASE,
    "PULMONARY_VALVE__CUT": Surface.BASE,
}
"""Materials of the wall; the valves are left out."""
VALVES = ("MITRAL_VALVE", "AORTA_VALVE", "TRICUSPID_VALVE", "PULMONARY_VALVE")
ALL_SUBJECTS_POINTS = 5352
EXPLAINED_PERCENT = 1.0


def read(folder: Path, phase: str, n_modes: int) -> ShapeModel:
    """The closed wall of both ventricles with its first modes, at "ED" or "ES".

    The folder holds `UKBRVLV.h5` and the two text files of the template; these may also lie in an
    installed package `ukb-atlas`. Tags are EPI, LV_ENDO, RV_ENDO, BASE (the annuli of the four
    valves).

    Raises:
        BadInput: a file is missing or malformed, or h5py is not installed.
    """
    faces, tags, n_points = read_template(folder)
    mean, vectors, variances = _read_components(folder / FILE, n_points)
    modes, sds = principal_components(vectors, variances, mean.size, n_modes, folder / FILE)
    half = mean.size // 2
    part = slice(0, half) if phase == "ED" else slice(half, None)
    moves = as_points(modes[:, part] * sds[:, None], n_points)
    used = np.unique(faces)
    points, faces = compact(mean[part].reshape(-1, 3), faces)
    return unit_model(Surfaces(points, outward(points, faces), tags), moves[:, used])


def read_template(folder: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Triangles [face, 3] of the wall, their tags [face], and the template's number of points.

    Raises:
        BadInput: missing, of different lengths, or with an unknown material.
    """
    paths = []
    for name in (TRIANGLES, MATERIALS):
        places = [folder / name]
        if (package := find_spec("ukb")) and package.origin:
            places.append(Path(package.origin).parent / "data" / "biv-me" / name)
        if (path := next((place for place in places if place.is_file()), None)) is None:
            raise BadInput(
                f"{folder}: no {name}; it comes with the package ukb-atlas (ukb/data/biv-me)"
            )
        paths.append(path)
    try:
        faces = np.loadtxt(paths[0], dtype=int, ndmin=2) - 1
        names = [line.split()[1] for line in paths[1].read_text().splitlines() if line.strip()]
    except (ValueError, IndexError) as error:
        raise BadInput(f"{paths[0]} or {MATERIALS}: not readable ({error})") from error
    if faces.shape != (len(names), 3):
        raise BadInput(f"{paths[0]}: {len(faces)} triangles, but {len(names)} materials")
    if unknown := set(names) - set(TAGS) - set(VALVES):
        raise BadInput(f"{paths[1]}: unknown material {', '.join(sorted(unknown))}")
    wall = np.isin(names, list(TAGS))
    tags = np.array([TAGS[name] for name in names if name in TAGS], np.int8)
    return faces[wall].astype(np.int32), tags, int(faces.max()) + 1


def _read_components(path: Path, n_points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MU [6 * point], COEFF as in the file, LATENT [mode] mm^2."""
    with extra("atlases", f"{path}: HDF5"):
        import h5py
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        with h5py.File(path) as file:
            mean, vectors, variances = (np.asarray(file[k]) for k in ("MU", "COEFF", "LATENT"))
            explained = np.ravel(file["EXPLAINED"]) if "EXPLAINED" in file else None
    except (OSError, KeyError) as error:
        raise BadInput(f"{path}: not the published file ({error}); truncated?") from error
    if mean.size != 6 * n_points:
        cause = "another template"
        if mean.size == 6 * ALL_SUBJECTS_POINTS:
            cause = "this is UKBRVLV_ALL.h5 without the outflow tracts; take UKBRVLV.h5"
        raise BadInput(f"{path}: {mean.size / 6:g} points per phase, template {n_points}; {cause}")
    if explained is not None:
        shares = np.diff(share_of(variances), prepend=0.0)  # of the modes in the file
        apart = np.abs(shares * explained.sum() - explained)
        if apart.max() > EXPLAINED_PERCENT:
            raise BadInput(
                f"{path}: LATENT disagrees with EXPLAINED by {apart.max():.1f} %; are these "
                "standard deviations, not variances?"
            )
    return np.ravel(mean).astype(float), vectors, variances
