"""Inverse ECG: potentials on the heart's surface from those on the body's."""
