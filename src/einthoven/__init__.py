"""einthoven: virtual patients, their ECG lead fields, and what can be learned from them.

The library's rooms follow one patient's path: anatomy, mesh, fibers, conduction, leadfield,
ecg, dataset, encoders, surrogate, evaluation. Units are mm, ms, mV, mS inside; the patient
frame has x to the patient's left, y to the back and z to the head. See docs/notation.md.
"""

from einthoven.core.version import __version__

__all__ = ["__version__"]
