"""Networks and differences of Zhu 2025: shapes, gates, orders."""

import numpy as np
import pytest
import torch

from einthoven.base.core.errors import BadInput
from einthoven.inverse.baselines.networks.architecture import NETWORKS, AdapResBlock, Architecture
from einthoven.inverse.baselines.networks.differences import (
    TWELVE_TAU,
    time_derivative,
    windows,
)
from einthoven.inverse.baselines.networks.jets import VALUES

# -- architecture


def test_parameter_counts_by_hand() -> None:
    """4 x 15 + 15 at the start, 15 x 15 + 15 a further layer, 15 x 2 + 2 at the end, the gates."""
    expected = {"NN1": 827, "NN2": 828, "NN3": 1547, "NN4": 1549, "NN5": 2267, "NN6": 2270}
    for name, architecture in NETWORKS.items():
        network = architecture.build(seed=0)
        n = sum(p.numel() for p in network.parameters())
        assert n == expected[name]


def test_table_1() -> None:
    rows = [(a.layers, a.neurons, a.blocks) for a in NETWORKS.values()]
    assert rows == [(4, 15, 0), (4, 15, 1), (7, 15, 0), (7, 15, 2), (10, 15, 0), (10, 15, 3)]


def test_blocks_must_fit_the_layers() -> None:
    with pytest.raises(BadInput, match="need 10 layers"):
        Architecture(layers=9, blocks=3)


def test_gates_pass_the_input_or_the_block() -> None:
    """Eq. (11): alpha -> 1 is the identity, alpha -> 0 two layers of eq. (10)."""
    block, x = AdapResBlock(3), torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    two = block.layers[1](block.layers[0](x, VALUES), VALUES)
    for value, expected in ((40.0, x), (-40.0, two), (0.0, (x + two) / 2)):
        with torch.no_grad():
            block.gate.alpha_t.fill_(value)
        torch.testing.assert_close(block(x, VALUES), expected)


def test_same_seed_same_weights() -> None:
    first, again, other = (NETWORKS["NN2"].build(seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


# -- differences


def test_formulas_are_those_of_taylor() -> None:
    """Each row solves the conditions of exactness for 1, t, .., t^4; so do the printed ones."""
    for place in range(5):
        offsets = np.arange(5) - place
        powers = np.vander(offsets, 5, increasing=True).T.astype(float)
        weights = np.linalg.solve(powers, np.array([0.0, 1.0, 0.0, 0.0, 0.0]))
        np.testing.assert_allclose(TWELVE_TAU[place], 12 * weights, atol=1e-12)


def test_time_derivative_is_exact_for_degree_4_up_to_the_ends() -> None:
    time = 0.3 * np.arange(9) - 1.0
    derivative = time_derivative(9, 0.3)
    for degree in range(5):
        expected = degree * time ** max(degree - 1, 0)
        np.testing.assert_allclose(derivative @ time**degree, expected, atol=1e-12)
    assert np.abs(derivative @ time**5 - 5 * time**4).max() > 1e-3


def test_time_derivative_has_order_4_everywhere() -> None:
    errors = []
    for n in (21, 41, 81):
        time = np.linspace(0, 2, n)
        derivative = time_derivative(n, time[1])
        errors.append(np.abs(derivative @ np.sin(3 * time) - 3 * np.cos(3 * time)).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 4) < 0.4), orders


def test_time_derivative_is_banded_and_needs_five_instants() -> None:
    matrix = time_derivative(50, 1.0).tocoo()
    assert np.abs(matrix.row - matrix.col).max() == 4 and matrix.nnz <= 5 * 50
    with pytest.raises(BadInput, match="needs 5"):
        windows(4)
