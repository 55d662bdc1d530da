"""Makes `tests/` importable, for the helpers beside this file."""
