"""Errors shown to the user: one line that names the cause and the cure."""


class EinthovenError(Exception):
    """Base of every error that is shown to the user without a traceback."""


class BadInput(EinthovenError):
    """An input (file, field, config key) is wrong; the message names it and the likely cause."""


class StepFailed(EinthovenError):
    """A step failed for this patient; the message gives the reason and parameters."""


class NotConverged(StepFailed):
    """An iteration ended without reaching its tolerance."""
