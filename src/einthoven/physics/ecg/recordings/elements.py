"""Values of XML elements; errors name the element."""

from pathlib import Path
from xml.etree import ElementTree

from einthoven.base.core.errors import BadInput


def without_namespaces(root: ElementTree.Element) -> ElementTree.Element:
    """The same tree with plain names, as only one vocabulary is used in a file."""
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def number(parent: ElementTree.Element, name: str, path: Path, least: float = 0.0) -> float:
    """The number in a child element, above `least`.

    Raises:
        BadInput: missing, no number, or too small.
    """
    text = parent.findtext(name)
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not least < value < float("inf"):
        expected = "a positive number" if least == 0 else f"a number above {least:g}"
        raise BadInput(f"{path}: <{parent.tag}><{name}> is {text!r}, not {expected}; correct it, "
                       "or export the file again")  # fmt: skip
    return value


def optional_number(parent: ElementTree.Element | None, name: str) -> float | None:
    """The positive number in a child element; None if it is empty or no number."""
    text = parent.findtext(name) if parent is not None else None
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value > 0 else None


def sex_of(text: str | None) -> str | None:
    """Sex of its English word or first letter."""
    word = (text or "").strip().upper()
    return {"M": "male", "MALE": "male", "F": "female", "FEMALE": "female"}.get(word)
