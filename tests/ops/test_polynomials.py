"""Elementary symmetric polynomials against sums over all subsets, and where only logarithms reach."""

import math
from itertools import combinations

import pytest
import torch

from tests import plain
from topkbench.ops.polynomials import log_esf, log_ratio


def draw(*shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("k", [1, 2, 5, 13, 15])
def test_sums_over_all_subsets(n, k):
    x = draw(4, n, scale=3)
    sums = [sum(x[:, list(s)].sum(-1).exp() for s in combinations(range(n), d)) for d in range(k + 1)]
    expected = torch.stack([torch.zeros(4) + e for e in sums], -1).log()
    torch.testing.assert_close(log_esf(x, k), expected.double(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 4), (7, 3), (12, 5)])
def test_gradient(n, k):
    assert torch.autograd.gradcheck(lambda x: log_esf(x, k), draw(3, n).requires_grad_())


@pytest.mark.parametrize("tau", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 100.0, 1e4])
@pytest.mark.parametrize(("n", "k"), [(60, 5), (40, 17)])
def test_agrees_with_the_plain_recursion(n, k, scale, tau):
    x = draw(3, n, scale=scale).requires_grad_()
    ours, expected = log_esf(x, k, tau), plain.log_esf(x / tau, k)
    torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-11)
    for degree in (1, k - 1, k):
        (gradient,) = torch.autograd.grad(ours[:, degree].sum(), x, retain_graph=True)
        (exact,) = torch.autograd.grad(expected[:, degree].sum(), x, retain_graph=True)
        torch.testing.assert_close(gradient, exact, rtol=1e-7, atol=1e-10 * float(exact.max()))


@pytest.mark.parametrize("k", [1, 5, 50])
def test_binomials_where_all_are_equal(k):
    x = torch.full((2, 10_450), 3.0).requires_grad_()
    logs = log_esf(x, k)
    expected = [3 * d + math.lgamma(10_451) - math.lgamma(d + 1) - math.lgamma(10_451 - d) for d in range(k + 1)]
    torch.testing.assert_close(logs[0], torch.tensor(expected), rtol=1e-6, atol=0)
    logs[:, k].sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, k / 10_450), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("tau", [1e-3, 1.0, 10.0])
@pytest.mark.parametrize(("n", "k"), [(1000, 1), (1000, 50), (10_450, 5)])
def test_finite_at_every_scale_with_as_much_gradient_as_the_degree(n, k, scale, tau):
    """A product of d variables has the degree d, so that the gradient of log e_d sums to d / τ (Euler)."""
    x = draw(2, n, scale=scale).float().requires_grad_()
    logs = log_esf(x, k, tau)
    assert logs.isfinite().all()
    logs[:, k].sum().backward()
    torch.testing.assert_close(x.grad.double().sum(-1) * tau, torch.full((2,), float(k)).double(), rtol=1e-5, atol=0)


def test_infinities_and_shapes():
    x = torch.tensor([math.inf, -math.inf, 0.0, 1.0]).requires_grad_()
    logs = log_esf(x, 2)
    assert logs.tolist() == [0.0, pytest.approx(1e18), pytest.approx(1e18)]
    logs[2].backward()
    torch.testing.assert_close(x.grad, torch.tensor([0.0, 0.0, 1 / (1 + math.e), math.e / (1 + math.e)]))
    assert log_esf(torch.zeros(0, 7), 3).shape == (0, 4)
    assert log_esf(torch.zeros(2, 3, 7), 3).shape == (2, 3, 4)
    assert log_esf(torch.zeros(7, dtype=torch.bfloat16), 3).dtype == torch.float32


def test_the_ratio_keeps_differences_of_large_scores():
    """Four equal scores, whatever they are: e_2 / e_1 = 6 / 4 about them."""
    for score in (0.0, 1e4, -1e17, math.inf):
        x = torch.full((4,), score).requires_grad_()
        ratio = log_ratio(x, torch.tensor(score), 2, tau=1e-3)
        assert ratio.item() == pytest.approx(math.log(1.5))
        ratio.backward()
        assert x.grad.isfinite().all()
    x, y = draw(5, 9), draw(5, seed=1)
    logs = log_esf(x, 4, 0.5)
    torch.testing.assert_close(log_ratio(x, y, 4, 0.5), logs[:, 4] - logs[:, 3] - y / 0.5)


@pytest.mark.parametrize("k", [1, 500, 1000])
def test_any_degree_of_a_thousand(k):
    logs = log_esf(torch.zeros(1000), k).double()
    expected = math.lgamma(1001) - math.lgamma(k + 1) - math.lgamma(1001 - k)
    assert logs[k].item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_too_many_subsets_are_refused_with_the_largest_degree():
    with pytest.raises(
        ValueError, match="k = 131: 10450 scores have too many subsets of that size; give k = 130 or fewer"
    ):
        log_esf(torch.zeros(10_450), 131)
    assert log_esf(torch.full((10_450,), 0.1), 130).isfinite().all()
    with pytest.raises(ValueError, match="k = 4 is not between 1 and the 3 scores"):
        log_ratio(torch.zeros(3), torch.tensor(0.0), 4)


@pytest.mark.parametrize(
    ("x", "k", "tau", "message"),
    [
        (torch.zeros(3), 0, 1.0, "k = 0: the highest degree must be at least 1"),
        (torch.zeros(0), 1, 1.0, "there are no variables"),
        (torch.zeros(3), 1, 0.0, "tau = 0.0 is not a positive number"),
    ],
)
def test_refuses(x, k, tau, message):
    with pytest.raises(ValueError, match=message):
        log_esf(x, k, tau)
    with pytest.raises(TypeError, match="floating point"):
        log_esf(torch.zeros(3, dtype=torch.long), 1)
    with pytest.raises(ValueError, match="x is one number"):
        log_esf(torch.tensor(1.0), 1)
