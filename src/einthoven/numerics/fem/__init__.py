"""Finite elements: P1 stiffness matrices, and sparse solvers behind one interface.

The only room that imports PETSc, MKL Pardiso or CHOLMOD, each in a module of its own and only
when that solver is asked for.
"""
