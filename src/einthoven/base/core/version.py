"""Version of the package, recorded in every file of a run and defined only here."""

__version__ = "0.1.0"
