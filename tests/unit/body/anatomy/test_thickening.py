"""Walls that are too thin get as thick as asked for, there and nowhere else."""

import numpy as np
import pytest
from helpers.atlas import min_wall
from helpers.imported_hearts import wall_of_the_embedded_atlas
from helpers.real_hearts import thinned

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.shape.heart_check import thickness
from einthoven.body.anatomy.shape.tagged_heart import checked_wall
from einthoven.body.imported.walls import thickened


@pytest.fixture(scope="module")
def wall():
    return checked_wall(Surfaces(*wall_of_the_embedded_atlas()))


@pytest.mark.parametrize("had_mm", [0.5, 0.9, 1.2])
def test_a_thin_wall_of_the_rv_gets_thicker_from_outside(wall, had_mm):
    thin = thinned(wall, had_mm)
    assert min_wall(thin) == pytest.approx(had_mm, abs=0.15)
    thick, done = thickened(thin, 1.5)
    assert min_wall(thick) > 1.49
    [told] = done
    assert (told.inner, told.outer) == (Surface.RV_ENDO, Surface.EPI)
    assert told.thinnest_mm == pytest.approx(min_wall(thin))
    assert 1.5 - had_mm <= told.moved_mm < 2.5 * (1.5 - had_mm) + 0.3
    ids, apart = thickness(thin, Surface.RV_ENDO, Surface.EPI)
    assert len(told.places) == (apart < 1.5).sum()
    moved = np.linalg.norm(thick.points - thin.points, axis=1)
    inner = np.unique(thin.tagged(Surface.LV_ENDO, Surface.RV_ENDO))
    assert moved[inner].max() == 0  # cavities keep their volumes
    from_thin = np.linalg.norm(thin.points[:, None] - told.places[None, ::5], axis=2).min(axis=1)
    assert moved[from_thin > 25.0].max() == 0
    assert len(intersecting_pairs(thick.points, thick.faces)) == 0
    assert f"it had {min_wall(thin):.2f} mm" in str(told) and "RV's wall" in str(told)


def test_a_thin_septum_makes_the_rv_give_way(wall):
    ids, apart = thickness(wall, Surface.LV_ENDO, Surface.RV_ENDO)
    least = float(apart.min()) + 1.0
    thick, [told] = thickened(wall, least)[0], [
        one for one in thickened(wall, least)[1] if one.outer == Surface.RV_ENDO
    ]  # fmt: skip
    assert thickness(thick, Surface.LV_ENDO, Surface.RV_ENDO)[1].min() > 0.98 * least
    assert str(told).startswith("septum thickened")
    lv = np.unique(wall.tagged(Surface.LV_ENDO))
    np.testing.assert_array_equal(thick.points[lv], wall.points[lv])


def test_a_wall_that_is_thick_enough_stays(wall):
    same, done = thickened(wall, 1.5)
    assert same is wall and not done
