"""Boundary elements: potentials of closed surfaces in piecewise homogeneous bodies.

Linear functions on flat triangles, collocation at the vertices, all integrals in closed form.
"""
