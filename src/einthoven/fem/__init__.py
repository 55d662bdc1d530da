"""Finite elements: the only room that imports dolfinx.

Everything speaks the caller's node and cell numbering; dolfinx's own numbering stays in here.
"""

from contextlib import suppress

# The wheel `dolfinx-solver-real` brings PETSc and MPI and must be imported before dolfinx and
# petsc4py; conda's `fenics-dolfinx` has no such module and needs none.
with suppress(ModuleNotFoundError):
    import dolfinx_solver  # noqa: F401
