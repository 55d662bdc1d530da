"""Holes through a wall that are wider than what a closing fills."""

import numpy as np
import pytest

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, unique_edges
from einthoven.body.imported import plugs
from einthoven.body.imported.plugs import plugged
from einthoven.body.imported.rework import n_handles

N, THICK_MM, HOLE = 9, 3.0, {(i, k) for i in (3, 4) for k in (3, 4)}


def plate_with_a_tunnel():
    """A plate of EPI below and RV_ENDO above, with a tunnel; its sides and the tunnel are base."""
    x, y = np.meshgrid(np.arange(float(N)), np.arange(float(N)), indexing="ij")
    sheet = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    points = np.vstack([sheet, sheet + [0.0, 0.0, THICK_MM]])
    below, above = [], []
    for i in range(N - 1):
        for k in range(N - 1):
            if (i, k) not in HOLE:
                a, b, c, d = i * N + k, (i + 1) * N + k, (i + 1) * N + k + 1, i * N + k + 1
                above += [[a, b, c], [a, c, d]]
                below += [[a, c, b], [a, d, c]]
    below, above = np.array(below), np.array(above) + N * N
    edges = face_edges(below)
    once = edges[~(edges[:, None] == edges[None, :, ::-1]).all(axis=2).any(axis=1)]
    a, b = once.T
    sides = np.vstack([np.stack([b, a, a + N * N], 1), np.stack([b, a + N * N, b + N * N], 1)])
    faces = np.vstack([below, above, sides])
    tags = np.repeat([Surface.EPI, Surface.RV_ENDO, Surface.BASE],
                     [len(below), len(above), len(sides)])  # fmt: skip
    return Surfaces(points, faces, tags)


def test_a_tunnel_gets_a_disc_of_each_surface_that_it_joins():
    wall = plate_with_a_tunnel()
    assert (unique_edges(wall.faces)[1] == 2).all() and n_handles(wall) == 1
    found, n = plugged(wall)
    assert n == 1 and n_handles(found) == 0
    assert (unique_edges(found.faces)[1] == 2).all()
    hole = 4 * THICK_MM
    volumes = [enclosed_volume(s.points, s.faces) for s in (wall, found)]
    assert volumes[1] - volumes[0] == pytest.approx(hole)
    for tag in (Surface.EPI, Surface.RV_ENDO):  # eight sides of its rim
        assert (found.face_tags == tag).sum() == (wall.face_tags == tag).sum() + 8


def test_an_annulus_of_a_valve_stays(monkeypatch):
    wall = plate_with_a_tunnel()
    monkeypatch.setattr(plugs, "LONGEST_MM", 7.0)
    assert plugged(wall) == (wall, 0)
