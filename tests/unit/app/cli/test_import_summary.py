"""The import's line says which surfaces were changed, and how far at most."""

import pytest

from einthoven.app.cli.import_ import repaired

REBUILT = (
    "heart: wall rebuilt from signed distances on a grid of 1.4 mm: moved by 0.21 mm on average, "
    "at most 3.4 mm near (1.0, 2.0, 3.0) mm"
)
MOVED = "heart: vertices near thin places and crossings moved by up to 0.11 mm"
UNCHANGED = [
    "heart: base, epicardium and ventricles found by shape",
    "heart: check the rv: 318 ml; healthy adults have at most 280 ml",
    "heart: why it was rebuilt: 113 holes through its wall, the largest near (1.0, 2.0, 3.0) mm",
    "electrodes: RL placed as LL's mirror image",
    "labels: 12 voxels of lv apart from the others dropped",
]


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ([], ""),
        (UNCHANGED[:2] + UNCHANGED[3:], ""),
        ([MOVED, REBUILT, *UNCHANGED], ", repaired: heart (moved by up to 3.4 mm)"),
        (["torso: 3 slivers remeshed"], ", repaired: torso"),
        (
            [MOVED, "torso: 2 triangles that cut others smoothed, moved up to 1.2 mm"],
            ", repaired: heart (moved by up to 0.11 mm) and torso (moved by up to 1.2 mm)",
        ),
        (
            ["surfaces smoothed over 2 mm, as triangles of them intersected"],
            ", repaired: heart",
        ),
        (
            ["heart: RV's wall thickened over 21 of 3462 vertices, by up to 0.61 mm (it had 0.9)"],
            ", repaired: heart (moved by up to 0.61 mm)",
        ),
    ],
)
def test_only_changes_are_named_with_the_largest_move(notes, told):
    assert repaired(notes) == told
