"""Triangles, tetrahedra and distances: no heart in it, no settings."""
