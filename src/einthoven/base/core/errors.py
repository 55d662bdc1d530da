"""The errors that a user may see: one line that names the cause and the cure."""


class EinthovenError(Exception):
    """Base of every error that is explained to the user without a traceback."""


class BadInput(EinthovenError):
    """An input (file, field, config key) is wrong; the message names it and the likely cause."""


class StepFailed(EinthovenError):
    """A step could not do its job for this patient; the message gives reason and parameters."""


class NotConverged(StepFailed):
    """An iteration ended without reaching its tolerance."""
