"""Triangles of a wanted size on a given surface."""

import pytest
from helpers.mesh import icosphere

from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.remeshing import remesh_closed


def test_a_surface_that_came_back_as_it_was_is_no_result():
    with pytest.raises(StepFailed, match="20 mm left the surface as it was"):
        remesh_closed(*icosphere(50.0, 2), 20.0, iterations=0)
