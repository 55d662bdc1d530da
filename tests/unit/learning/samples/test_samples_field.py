"""Choice of the cells for the field samples."""

from itertools import combinations

import numpy as np
import pytest

from einthoven.base.config.models import FieldSampleSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.data.patient.mesh import TetMesh
from einthoven.learning.samples.field import _by_volume, sample_cells


def layered_box(n=12, size=120.0):
    """Kuhn tetrahedra of a box with graded planes, a heart box in it, and its tagged facets."""
    ticks = size * np.linspace(0, 1, n + 1) ** 1.3
    grid = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    corner = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = np.array([1, n + 1, (n + 1) ** 2])[::-1]
    cells = []
    for path in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0)):
        offsets = np.cumsum([0, *steps[list(path)]])
        cells.append((corner @ steps)[:, None] + offsets)
    cells = np.concatenate(cells)
    flip = tet_volumes(grid, cells) < 0
    cells[flip] = cells[flip][:, [0, 2, 1, 3]]
    inside = np.all((corner >= 5) & (corner < 9), axis=1)
    tags = np.where(np.tile(inside, 6), Tissue.MYOCARDIUM, Tissue.TORSO).astype(np.int8)
    owners = {}
    for k, cell in enumerate(cells.tolist()):
        for drop in range(4):
            face = cell[:drop] + cell[drop + 1 :]
            owners.setdefault(tuple(sorted(face)), []).append((k, face, cell[drop]))
    facets, facet_tags = [], []
    for cells_of in owners.values():
        tissues = {int(tags[k]) for k, _, _ in cells_of}
        if len(cells_of) == 2 and len(tissues) == 1:
            continue
        k, face, apex = min(cells_of, key=lambda item: tags[item[0]])
        a, b, c = grid[face]
        outward = np.cross(b - a, c - a) @ (a - grid[apex]) > 0
        facets.append(face if outward else face[::-1])
        facet_tags.append(Surface.SKIN if len(cells_of) == 1 else Surface.EPI)
    return TetMesh(
        patient="box",
        points=grid,
        cells=cells,
        cell_tags=tags,
        facets=np.array(facets),
        facet_tags=np.array(facet_tags, np.int8),
        n_heart_nodes=0,  # the heart does not come first; sampling asks the tags
        n_heart_cells=int((tags == Tissue.MYOCARDIUM).sum()),
    )


BOX = layered_box()


CENTROIDS = BOX.points[BOX.cells].mean(axis=1)


def sample(n=700, fraction=0.8, share=0.75, seed=1):
    config = FieldSampleSettings(
        n_points=n, near_fraction=fraction, heart_share=share, near_mm=10.0
    )
    return sample_cells(BOX, generator(seed, "field"), config)


def box_distances(queries):
    """Distance to the heart's box and to the skin, in closed form."""
    heart = BOX.points[np.unique(BOX.facets[BOX.facet_tags == Surface.EPI])]
    q = np.abs(queries - (heart.min(0) + heart.max(0)) / 2) - np.ptp(heart, axis=0) / 2
    to_heart = np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0)
    return np.abs(to_heart), np.minimum(queries, 120.0 - queries).min(axis=1)


def classes(queries, tissue):
    """Myocardium, else shell of the heart, else skin, else far."""
    to_heart, to_skin = box_distances(queries)
    masks = [tissue == Tissue.MYOCARDIUM, to_heart <= 10.0, to_skin <= 10.0]
    return np.select(masks, ["myocardium", "shell", "skin"], "far")


def test_cells_are_drawn_once_each():
    chosen = sample()
    assert len(np.unique(chosen)) == len(chosen) == 700
    assert chosen.min() >= 0 and chosen.max() < len(BOX.cells)


@pytest.mark.parametrize("fraction, share", [(0.0, 0.5), (0.8, 0.5), (0.6, 0.0), (0.5, 1.0)])
def test_shares_of_the_classes_are_met(fraction, share):
    chosen = sample(700, fraction, share)
    kinds = classes(CENTROIDS[chosen], BOX.cell_tags[chosen])
    heart = share * fraction * 700
    wanted = {"myocardium": heart / 2, "shell": heart / 2, "skin": fraction * 700 - heart}
    for kind, count in wanted.items():
        assert (kinds == kind).sum() == pytest.approx(count, abs=1), kind


def test_draws_are_weighted_by_volume():
    """The first draw picks a cell with probability V / sum V (chi-square at 4 sigma)."""
    volumes = np.array([1.0, 2.0, 3.0, 4.0])
    rng = generator(3, "race")
    first = np.array([_by_volume(volumes, rng)[0] for _ in range(8000)])
    counts = np.bincount(first, minlength=4)
    expected = 8000 * volumes / volumes.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 3 + 4 * 6**0.5


def test_far_points_are_uniform_by_volume():
    """Few points of many cells: their mean is the centroid of the far region."""
    volumes = tet_volumes(BOX.points, BOX.cells)
    far = classes(CENTROIDS, BOX.cell_tags) == "far"
    wanted = np.average(CENTROIDS[far], axis=0, weights=volumes[far])
    unweighted = CENTROIDS[far].mean(axis=0)
    means = [CENTROIDS[sample(100, 0.0, seed=seed)].mean(axis=0) for seed in range(30)]
    mean = np.mean(means, axis=0)
    assert np.linalg.norm(mean - wanted) < 0.25 * np.linalg.norm(unweighted - wanted)


def test_same_generator_gives_the_same_sample():
    one, two, other = sample(), sample(), sample(seed=2)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "fraction, share, kind", [(1.0, 1.0, "myocardium"), (1.0, 0.0, "skin"), (0.0, 0.5, "far")]
)
def test_too_few_cells_is_a_failure_that_says_so(fraction, share, kind):
    with pytest.raises(StepFailed, match=f"class '{kind}' .*fewer points or a finer mesh"):
        sample(len(BOX.cells) + 1, fraction, share)


def test_facets_of_the_box_are_closed_and_outward():
    """Guards the helper: a wrong sign would swap near and far."""
    facets = BOX.facets
    assert len({tuple(sorted(f)) for f in facets.tolist()}) == len(facets)
    assert all(len(set(pair)) == 2 for f in facets.tolist() for pair in combinations(f, 2))
