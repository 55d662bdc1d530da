"""Errors shown to the user: one line that names the cause and the cure."""


class EinthovenError(Exception):
    """Base of all errors that a user can correct: one line with the cause and the remedy.

    The command line prints the line without a traceback and ends with status 2.
    """


class BadInput(EinthovenError):
    """An input (file, field, config key) is wrong; the message names it and the likely cause."""


class StepFailed(EinthovenError):
    """A step failed for this patient; the message gives the reason and parameters."""


class NotConverged(StepFailed):
    """An iteration ended without reaching its tolerance."""
