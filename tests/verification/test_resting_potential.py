"""The resting potential of an ischaemic heart against the closed form of a ball in a ball."""

from helpers.resting import EDGES_MM, order, resting_error


def test_resting_potential_converges_to_the_closed_form_in_second_order():
    assert order() > 1.8
    assert resting_error(EDGES_MM[-1]) < 0.01
