"""Boundary elements: potentials on closed surfaces in piecewise homogeneous bodies.

Potentials are linear on flat triangles. Collocation is at the vertices, and all integrals are in
closed form.
"""
