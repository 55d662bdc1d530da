"""XML files of several makers, by their root element."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.aecg import of_aecg
from einthoven.physics.ecg.recordings.cardiosoft import of_cardiosoft
from einthoven.physics.ecg.recordings.content import NotARecording, content_of
from einthoven.physics.ecg.recordings.muse import of_muse
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording
from einthoven.physics.ecg.recordings.sierra import of_sierra

ROOTS: dict[str, Callable[[ElementTree.Element, Path], Recording]] = {
    "CardiologyXML": of_cardiosoft,
    "RestingECG": of_muse,
    "AnnotatedECG": of_aecg,
    "restingecgdata": of_sierra,
}
"""Name of the root element -> reader: CardioSoft, GE MUSE, HL7 aECG, Philips."""


def read_xml(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a recording in XML.

    Args:
        path: the file.
        declared: its rate must be that of the file; the file states the unit.

    Raises:
        BadInput: not XML, of another kind, as the reader, or another rate than declared.
    """
    path = Path(path)
    try:
        root = ElementTree.fromstring(content_of(path))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as XML ({error}); truncated? export it "
                       "again") from error  # fmt: skip
    tag = root.tag.rpartition("}")[2]
    if tag not in ROOTS:
        raise NotARecording(f"{path}: root <{tag}>; read are <{'>, <'.join(ROOTS)}> (CardioSoft, "
                            "GE MUSE, HL7 aECG, Philips)")  # fmt: skip
    recording = ROOTS[tag](root, path)
    if declared.rate_hz and declared.rate_hz != recording.rate_hz:
        raise BadInput(f"{path}: the file says {recording.rate_hz:g} Hz, not "
                       f"{declared.rate_hz:g} Hz; leave out --rate-hz")  # fmt: skip
    return recording
