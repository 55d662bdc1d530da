"""Finite elements: P1 stiffness matrices, and sparse solvers behind one interface.

This is the only room that imports PETSc, MKL Pardiso or CHOLMOD, each in its own module and only
when that solver is selected.
"""
