"""One look per inverse method everywhere: colour, line style, marker, name.

Colours are those of Okabe and Ito, which the colour-blind can distinguish; lines and markers
differ, too, for print in grey.
"""

from typing import NamedTuple


class Look(NamedTuple):
    """Appearance of a method's line and point."""

    colour: str
    line: object
    marker: str
    label: str


REFERENCE = Look("#000000", "-", "", "reference")
LOOKS: dict[str, Look] = {
    "tikhonov-0": Look("#999999", (0, (1, 1.2)), "v", "Tikhonov 0"),
    "tikhonov-1": Look("#999999", (0, (4, 1.5)), "<", "Tikhonov 1"),
    "tikhonov-2": Look("#666666", (0, (1, 1.2)), "^", "Tikhonov 2"),
    "tsvd": Look("#666666", (0, (5, 1.5, 1, 1.5)), ">", "truncated SVD"),
    "stre": Look("#E69F00", (0, (5, 1.5, 1, 1.5)), "s", "STRE"),
    "total-variation": Look("#F0E442", (0, (4, 1.2)), "d", "total variation"),
    "l1-normal": Look("#E69F00", (0, (1, 1.2)), "p", "L1 of the normal derivative"),
    "map": Look("#009E73", (0, (6, 1.5)), "P", "Bayesian MAP"),
    "mfs": Look("#009E73", (0, (1, 1.2)), "h", "fundamental solutions"),
    "activation": Look("#CC79A7", (0, (6, 1.5, 1, 1.5)), "X", "activation-based"),
    "ep-dl": Look("#56B4E9", (0, (4, 1.2)), "D", "EP-DL"),
    "ep-dl-spatial": Look("#56B4E9", (0, (1, 1.2)), "<", "EP-DL, spatial differences"),
    "ep-dl-spatiotemporal": Look("#56B4E9", (0, (6, 1, 1, 1)), ">", "EP-DL, all differences"),
    "eand-arn": Look("#0072B2", (0, (7, 1.2)), "o", "EAND-ARN"),
    "variational": Look("#D55E00", (0, (3, 1)), "*", "4D-Var"),
    "waves": Look("#D55E00", "-", "*", "wave prior"),
}


def look_of(method: str) -> Look:
    """The look of a method; unknown ones are drawn thin and named as given."""
    return LOOKS.get(method, Look("#CC79A7", (0, (2, 1)), ".", method))
