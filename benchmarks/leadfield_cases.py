"""One way to the lead fields of one mesh, timed in a process of its own; prints JSON.

`ours` is the library; `fresh` and `shared` are how a DOLFINx user would write it: a new
LinearProblem for each electrode as in the tutorials, or one matrix and one set-up of CG + GAMG for
all of them. All start from a patient in memory, imports and form compilation done.

Usage: python benchmarks/leadfield_cases.py CASE PATIENT N_ELECTRODES [--solver NAME] [--store F]
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from einthoven.base.config import Config
from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.solvers import choose, make_solver
from einthoven.physics.leadfield.conductivity import bulk
from einthoven.physics.leadfield.neumann import NeumannProblem, electrode_weights, skin_faces
from einthoven.physics.leadfield.solve import ELECTRODES_AT_ONCE, solve_lead_fields

SECTION = Config().leadfield
GAMG = {
    "ksp_type": "cg",
    "ksp_rtol": 1e-8,
    "ksp_norm_type": "unpreconditioned",
    "pc_type": "gamg",
    "pc_gamg_threshold": 0.02,
    "pc_gamg_aggressive_coarsening": 1,
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_pc_type": "jacobi",
}
"""The best settings found for these meshes, in favour of the alternatives."""


class Clock:
    """Wall and processor seconds since it was made or last read."""

    def __init__(self):
        self.read()

    def read(self) -> np.ndarray:
        """[wall, processor] seconds."""
        now = np.array([time.perf_counter(), time.process_time()])
        elapsed = now - getattr(self, "_last", now)
        self._last = now
        return elapsed


def ours(patient: Patient, n_electrodes: int, solver: str, store: str | None) -> dict:
    """Assemble, prepare, solve, and store float32 like the workflow."""
    config = SECTION.model_copy(update={"solver": solver})
    electrodes = patient.anatomy.electrodes(0, n_electrodes)
    _warm_up(choose(solver, len(patient.mesh.points), n_electrodes))
    clock = Clock()
    fields = solve_lead_fields(patient, electrodes, config, "float32")
    solve = clock.read()
    if store:
        fields.save(store)
    return {
        "solver": fields.solver,
        "solve": solve.tolist(),
        "store": clock.read().tolist(),
        "residual_max": float(fields.residual.max()),
        "check": fields.lead_field[0].tolist() if n_electrodes == 1 else None,
    }


def prepared(patient: Patient, n_electrodes: int, solver: str) -> dict:
    """Times of the shared part, then of one electrode, then of blocks of electrodes."""
    _warm_up(solver)
    mesh, config = patient.mesh, SECTION.model_copy(update={"solver": solver})
    clock = Clock()
    tensors = bulk(patient.fibers.f0, mesh.cell_tags, config)
    body = NeumannProblem(mesh, tensors, n_electrodes, config)
    result = {"solver": solver, "prepare": clock.read().tolist()}
    sites = patient.anatomy.site_points[:n_electrodes]
    delta = electrode_weights(mesh.points, skin_faces(mesh), sites)
    sink = body.skin_areas / body.skin_areas.sum()
    clock.read()
    body.solve(delta[[0]].toarray().T - sink[:, None])
    result["single"] = clock.read().tolist()
    blocks = [
        sp.csc_array(delta[k : k + ELECTRODES_AT_ONCE].T)
        for k in range(0, n_electrodes, ELECTRODES_AT_ONCE)
    ]
    body.solve(blocks[0], -sink)
    clock.read()
    for block in blocks:
        body.solve(block, -sink)
    result["each"] = (clock.read() / n_electrodes).tolist()
    if solver == "mumps":
        result["factor_entries"] = body._solver.n_factor_entries
    return result


def fresh(patient: Patient, n_electrodes: int, _solver: str) -> dict:
    """A new LinearProblem (forms, matrix, set-up, solve) for each electrode."""
    way = _warm(patient)
    each, solutions, clock = [], [], Clock()
    for electrode in range(n_electrodes):
        solutions.append(way.problem(electrode).solve())
        each.append(clock.read().tolist())
    check = way.in_our_order(solutions[0])
    return {"once": way.seconds, "each": each, "check": check.tolist()}


def shared(patient: Patient, n_electrodes: int, _solver: str) -> dict:
    """One matrix and one set-up for all electrodes, CG for each."""
    way = _warm(patient)
    clock = Clock()
    problem = way.problem(0)
    problem.solve()
    once = (clock.read() + way.seconds).tolist()
    each = []
    for electrode in range(n_electrodes):
        way.load(electrode, problem)
        problem.solver.solve(problem.b, problem.x)
        each.append(clock.read().tolist())
        assert problem.solver.getConvergedReason() > 0
    return {"once": once, "each": each}


def _warm(patient: Patient) -> "_Dolfinx":
    """A second one, as the first compiles the forms."""
    _Dolfinx(patient)
    return _Dolfinx(patient)


class _Dolfinx:
    """Mesh, spaces and forms of eq. (4), with the electrode as a sum over vertices."""

    def __init__(self, patient: Patient):
        import einthoven.numerics.fem.petsc  # noqa: F401, I001  # must come before dolfinx
        import basix.ufl
        import dolfinx
        import ufl
        from mpi4py import MPI

        mesh, sites = patient.mesh, patient.anatomy.site_points[:120]
        self.weights = electrode_weights(mesh.points, skin_faces(mesh), sites)
        tensors = bulk(patient.fibers.f0, mesh.cell_tags, SECTION)
        element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
        cells = mesh.cells.astype(np.int64)
        clock = Clock()
        body = dolfinx.mesh.create_mesh(MPI.COMM_SELF, cells, element, mesh.points)
        g = dolfinx.fem.Function(dolfinx.fem.functionspace(body, ("DG", 0, (3, 3))))
        g.x.array[:] = tensors[body.topology.original_cell_index].ravel()
        self.space = dolfinx.fem.functionspace(body, ("Lagrange", 1))
        self.electrode = dolfinx.fem.Function(self.space)
        u, v = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        area = dolfinx.fem.assemble_scalar(
            dolfinx.fem.form(dolfinx.fem.Constant(body, 1.0) * ufl.ds)
        )
        sink = dolfinx.fem.Constant(body, 1.0 / area)
        self.a = ufl.inner(ufl.dot(g, ufl.grad(u)), ufl.grad(v)) * ufl.dx
        self.L = self.electrode * v * ufl.dP - sink * v * ufl.ds
        self.mean = dolfinx.fem.form(sink * self.electrode * ufl.ds)
        dolfinx.fem.form(self.a), dolfinx.fem.form(self.L)  # compiled once, kept on disk
        self.seconds = clock.read().tolist()
        node = body.geometry.input_global_indices[body.geometry.dofmaps[0]]
        self.dof = np.empty(len(mesh.points), dtype=np.int64)
        self.dof[node.ravel()] = self.space.dofmap.list.ravel()

    def place(self, electrode: int) -> None:
        """Put unit current on the electrode's three vertices."""
        row = self.weights[[electrode]]
        self.electrode.x.array[:] = 0.0
        self.electrode.x.array[self.dof[row.indices]] = row.data

    def problem(self, electrode: int):
        """Parts that a tutorial rebuilds for each right-hand side."""
        from dolfinx.fem.petsc import LinearProblem

        from einthoven.numerics.fem.petsc import PETSc

        self.place(electrode)
        problem = LinearProblem(self.a, self.L, petsc_options_prefix="naive_", petsc_options=GAMG)
        problem.A.setNullSpace(PETSc.NullSpace().create(constant=True, comm=PETSc.COMM_SELF))
        return problem

    def load(self, electrode: int, problem) -> None:
        """Assemble the right-hand side alone."""
        from dolfinx.fem.petsc import assemble_vector

        self.place(electrode)
        problem.b.zeroEntries()
        assemble_vector(problem.b, problem.L)

    def in_our_order(self, solution) -> np.ndarray:
        """Nodal values in the numbering of the mesh arrays, zero mean on the skin."""
        import dolfinx

        self.electrode.x.array[:] = solution.x.array
        return solution.x.array[self.dof] - dolfinx.fem.assemble_scalar(self.mean)


def _warm_up(solver: str) -> None:
    """Import what the solver needs, as an import is not part of a solve."""
    make_solver(solver, sp.csr_array(sp.diags_array(np.arange(1.0, 9.0))), 1)


def peak_gb() -> float:
    """Peak resident memory of this process."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1e6


def main() -> None:
    """Run one case and print its JSON."""
    cases = {"prepared": prepared, "fresh": fresh, "shared": shared}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=["ours", *cases])
    parser.add_argument("patient", help="folder with anatomy, mesh and fibers")
    parser.add_argument("n_electrodes", type=int)
    parser.add_argument("--solver", default="auto")
    parser.add_argument("--store", help="file to write the lead fields to")
    options = parser.parse_args()
    patient = Patient.open(options.patient)
    arguments = (patient, options.n_electrodes, options.solver)
    if options.case == "ours":
        result = ours(*arguments, options.store)
    else:
        result = cases[options.case](*arguments)
    result |= {"peak_gb": peak_gb(), "load": os.getloadavg()[0]}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
