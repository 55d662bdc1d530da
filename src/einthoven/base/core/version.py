"""The version of the package, which stands in every file of a run; the only place of it."""

__version__ = "0.1.0"
