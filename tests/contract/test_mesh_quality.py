"""Our cell quality is gmsh's gamma."""

import numpy as np
import pytest

from einthoven.base.core.seeds import generator
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.body.mesh.quality import gamma_quality


def test_gamma_agrees_with_gmsh():
    gmsh = pytest.importorskip("gmsh")
    points = generator(1, "gamma").normal(size=(40, 3))
    cells = np.arange(40).reshape(10, 4)
    cells[tet_volumes(points, cells) < 0] = cells[tet_volumes(points, cells) < 0][:, [0, 2, 1, 3]]
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Verbosity", 0)
        gmsh.model.addDiscreteEntity(3, 1)
        gmsh.model.mesh.addNodes(3, 1, np.arange(1, 41), points.ravel())
        gmsh.model.mesh.addElementsByType(1, 4, np.arange(1, 11), cells.ravel() + 1)
        theirs = gmsh.model.mesh.getElementQualities(np.arange(1, 11), "gamma")
    finally:
        gmsh.finalize()
    assert np.allclose(gamma_quality(points, cells), theirs, rtol=1e-10)
