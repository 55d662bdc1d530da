"""Philips (Sierra) XML, versions 1.03 and 1.04, by the package sierraecg."""

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.physics.ecg.recordings.content import content_of
from einthoven.physics.ecg.recordings.elements import number, sex_of, without_namespaces
from einthoven.physics.ecg.recordings.recording import Person, Recording

UV_PER_MV = 1000.0


def of_sierra(root: ElementTree.Element, path: Path) -> Recording:
    """Leads in mV, and the data of the person.

    The package decodes the leads, of which the file stores III, aVR, aVL and aVF as differences
    from what follows from I and II. It cannot take these of uncompressed files.

    Args:
        root: the element `restingecgdata`. path: of the file, for messages.

    Raises:
        BadInput: another version or compression, damaged samples, no resolution, or as
            `Recording.of_leads`.
        MissingExtra: the package is not installed.
    """
    with extra("recordings", "reading Philips XML"):
        import sierraecg
    found = _decoded(sierraecg, content_of(path), path)
    signal = next(without_namespaces(root).iter("signalcharacteristics"), None)
    if signal is None:
        raise BadInput(f"{path}: no <signalcharacteristics>; export it again")
    step_mv = number(signal, "resolution", path) / UV_PER_MV
    leads = {lead.label: np.asarray(lead.samples, np.float64) * step_mv for lead in found.leads}
    sex = next(root.iter("sex"), None)
    age = next(root.iter("years"), None)
    text = (age.text or "").strip() if age is not None else ""
    years = float(text) if text.isdigit() else None
    person = Person(sex_of(sex.text if sex is not None else None), years)
    return Recording.of_leads(path, leads, number(signal, "samplingrate", path), person)


def _decoded(sierraecg: Any, text: bytes, path: Path) -> Any:
    try:
        return sierraecg.read_file(io.BytesIO(text))
    except Exception as error:  # the package raises many types
        raise BadInput(f"{path}: cannot be read as Philips XML ({type(error).__name__}: {error}); "
                       "export it again, with XLI compression") from error  # fmt: skip
