"""The version that stands in every file of a run; `pyproject.toml` has the same."""

__version__ = "0.1.0"
