"""Work on several threads: the results and the error are those of one thread."""

import pytest

from einthoven.base.core.threads import at_once


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_order_and_the_first_error_is_told(threads):
    assert at_once([lambda k=k: k**2 for k in range(4)], threads) == [0, 1, 4, 9]
    assert at_once([], threads) == []

    def fails(word):
        raise ValueError(word)

    with pytest.raises(ValueError, match="first"):
        at_once([lambda: 1, lambda: fails("first"), lambda: fails("second")], threads)
