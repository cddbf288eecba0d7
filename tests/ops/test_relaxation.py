"""The distribution functions by hand, in their tails, and against numeric slopes."""

import math

import pytest
import torch

from topkbench.ops.relaxation import DISTRIBUTIONS, Relaxation


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [  # F(2) with β = 1, λ = ½, by hand
        ("logistic", 1 / (1 + math.exp(-2))),
        ("logistic_phi", 1 / (1 + math.exp(-math.sqrt(2)))),
        ("gaussian", 0.9772498680518208),
        ("cauchy", math.atan(2) / math.pi + 0.5),
        ("reciprocal", 0.75),
        ("optimal", 1 - 1 / 32),
    ],
)
def test_shares_by_hand(distribution, expected):
    gap = torch.tensor([2.0, -2.0, 0.0], dtype=torch.float64)
    expected_all = torch.tensor([expected, 1 - expected, 0.5], dtype=torch.float64)
    torch.testing.assert_close(Relaxation(distribution).share(gap), expected_all, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("distribution", "gap", "expected"),
    [  # the tails by their asymptotic series
        ("logistic", -30.0, math.exp(-30)),
        ("gaussian", -8.0, 6.220960574271786e-16),
        ("cauchy", -1e5, 1e-5 / math.pi),
        ("reciprocal", -1e6, 1 / (2 + 1e6)),
        ("optimal", -1e6, 1 / 16e6),
    ],
)
def test_a_tail_keeps_its_digits_in_float32(distribution, gap, expected):
    share = Relaxation(distribution).share(torch.tensor([gap], dtype=torch.float32))
    assert float(share) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_slope_is_the_derivative_of_the_share(distribution, beta):
    relaxation = Relaxation(distribution, beta, 0.3)
    gap = torch.tensor([-7.0, -2.0, -0.4, -0.01, 0.003, 0.2, 1.0, 5.0], dtype=torch.float64)
    step = 1e-6 * gap.abs()
    numeric = (relaxation.share(gap + step) - relaxation.share(gap - step)) / (2 * step)
    torch.testing.assert_close(relaxation.slope(gap), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("lam", [0.25, 0.5, 0.9])
def test_logistic_phi_slope_is_capped_at_ties_and_exact_above(lam):
    def slope(d: float) -> float:
        return float(Relaxation("logistic_phi", 3.0, lam).slope(torch.tensor(d, dtype=torch.float64)))

    def exact(d: float, step: float = 1e-6) -> float:
        f = [1 / (1 + math.exp(-3.0 * x / (abs(x) + 1e-10) ** lam)) for x in (d - step * d, d + step * d)]
        return (f[1] - f[0]) / (2 * step * d)

    cap = slope(1e-6)
    assert slope(0.0) == slope(1e-9) == slope(-1e-7) == cap
    for d in (1e-6, 1e-4, 0.1, 2.0):
        assert slope(d) == pytest.approx(exact(d), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [(("normal",), "unknown distribution 'normal'"), (("logistic", 0.0), "not a positive number"),
     (("logistic", float("inf")), "not a positive number"), (("logistic_phi", 1.0, 1.0), "art_lambda = 1.0")],
)  # fmt: skip
def test_refuses_what_has_no_meaning(options, message):
    with pytest.raises(ValueError, match=message):
        Relaxation(*options)
