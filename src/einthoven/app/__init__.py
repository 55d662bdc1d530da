"""User-facing tasks: analyses, tables, the page of a run, its plan, the commands.

Imports from all wings. Rooms, each importing only from those before it: `analysis`, `evaluation`,
`report`, `run`, `cli`.
"""
