"""The geometry networks of the benchmark: what they must not depend on, and that they learn."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[3] / "studies"))

from benchmark_networks import (
    GeometryInputs,
    GraphOperator,
    KernelIntegral,
    PhysicsAttention,
    Transformer,
)

from einthoven.learning.surrogate.losses import relative_error
from einthoven.learning.surrogate.operator.inputs import N_LOCAL

B, E, N, S, T = 2, 3, 40, 12, 10
BEND = torch.tensor([[1.3, 0.2, 0.0], [-0.1, 0.8, 0.1], [0.0, 0.0, 1.1]])


def drawn(seed=0):
    g = torch.Generator().manual_seed(seed)
    normal = lambda *size: torch.randn(*size, generator=g)  # noqa: E731
    local, guess = 0.4 * normal(B, N, N_LOCAL), 1e-4 * normal(B, E, N, 3)
    electrodes, skin, tokens = 120 * normal(B, E, 3), 90 * normal(B, S, 6), 30 * normal(B, T, 3)
    return GeometryInputs(local, guess, electrodes, skin, tokens)


def network(kind):
    """Small, with a last layer that is not zero."""
    torch.manual_seed(3)
    made = kind(width=32, n_heads=2, depth=2)
    torch.nn.init.normal_(made.last[1].weight)
    return made.eval()


@pytest.fixture(params=[Transformer, GraphOperator])
def kind(request):
    return request.param


def test_permuted_points_have_permuted_gradients(kind):
    net, given, order = network(kind), drawn(), torch.randperm(N)
    moved = given._replace(local=given.local[:, order], guess=given.guess[:, :, order])
    torch.testing.assert_close(net(moved), net(given)[:, :, order], rtol=1e-4, atol=1e-8)


def test_an_electrode_does_not_feel_the_others(kind):
    net, given, some = network(kind), drawn(), [2, 0]
    few = given._replace(electrodes=given.electrodes[:, some], guess=given.guess[:, some])
    torch.testing.assert_close(net(few), net(given)[:, some], rtol=1e-4, atol=1e-8)


def test_a_patient_does_not_feel_the_others(kind):
    net, given = network(kind), drawn()
    alone = GeometryInputs(*(tensor[1:] for tensor in given))
    torch.testing.assert_close(net(alone), net(given)[1:], rtol=1e-4, atol=1e-8)


def test_the_order_of_skin_points_and_tokens_does_not_matter(kind):
    net, given = network(kind), drawn()
    moved = given._replace(skin=given.skin.flip(1), tokens=given.tokens.flip(1))
    torch.testing.assert_close(net(moved), net(given), rtol=1e-4, atol=1e-8)


def test_skin_electrode_and_points_each_matter(kind):
    net, given = network(kind), drawn()
    for name in ("skin", "electrodes", "local"):
        changed = given._replace(**{name: getattr(given, name) + 0.3})
        assert (net(changed) - net(given)).abs().max() > 1e-9, name


def test_gradients_of_some_points_need_the_context_alone():
    """The graph operator gathers from the context: queries do not feel one another."""
    net, given = network(GraphOperator), drawn()
    few = given._replace(local=given.local[:, :7], guess=given.guess[:, :, :7])
    torch.testing.assert_close(net(few, given), net(given)[:, :, :7], rtol=1e-4, atol=1e-8)


def test_it_starts_as_the_first_guess(kind):
    given = drawn()
    torch.testing.assert_close(kind(width=32, n_heads=2, depth=1)(given), given.guess)


def test_kernel_integral_is_linear_in_the_field():
    torch.manual_seed(1)
    carry = KernelIntegral(8, 4)
    at = (30 * torch.randn(B, N, 3), torch.randn(B, N, 8))
    to = (30 * torch.randn(B, T, 3), torch.randn(B, T, 8))
    u, v = torch.randn(2, B, E, N, 8)
    torch.testing.assert_close(carry(2 * u - 3 * v, at, to), 2 * carry(u, at, to)
                               - 3 * carry(v, at, to), rtol=1e-4, atol=1e-4)  # fmt: skip


def test_attention_of_equal_points_is_equal():
    """Copies of a cloud give the result of the cloud: slices are means, not sums."""
    torch.manual_seed(1)
    attend, x = PhysicsAttention(16, 2, 4), torch.randn(1, 9, 16)
    torch.testing.assert_close(attend(x.repeat(1, 3, 1))[:, :9], attend(x), rtol=1e-3, atol=1e-4)


def test_it_learns_a_bent_field(kind):
    torch.manual_seed(0)
    net, given = kind(width=32, n_heads=2, depth=1), drawn()
    true = given.guess @ BEND.T
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    first = float(relative_error(net(given), true).detach())
    for _ in range(80):
        optimizer.zero_grad()
        loss = relative_error(net(given), true)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.3 * first
