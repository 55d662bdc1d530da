"""Triangles, tetrahedra and distances, without any heart or settings."""
