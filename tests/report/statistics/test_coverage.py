"""Intervals hold the truth in simulated experiments, tests keep their level: benchmarks/coverage.py in small."""

import pytest
from scipy.stats import binomtest

from benchmarks.coverage import WRONG, Regime, coverage, findings, rates

EXPERIMENTS = 400
REGIMES = [Regime(500, 10, 0.3), Regime(500, 5, 3.0)]


def interval(count):
    """Exact, of 99.99 %: of 20 such counts that are right, one in 500 runs of another seed would be outside."""
    return binomtest(count, EXPERIMENTS).proportion_ci(0.9999)


@pytest.mark.parametrize("regime", REGIMES, ids=str)
def test_intervals_hold_the_truth(regime):
    counted = rates(coverage, regime, EXPERIMENTS, seed=1)
    wrong = interval(counted.pop(WRONG))
    for name, count in counted.items():
        low, high = interval(count)
        assert low < 0.97, name
        assert high > 0.93, name
    if regime.points < 1:
        assert wrong.high < 0.93  # images matter more than seeds there, and the paired t test does not see them


@pytest.mark.parametrize("regime", REGIMES, ids=str)
def test_four_equal_methods_are_seldom_told_apart(regime):
    for name, count in rates(findings, regime, EXPERIMENTS, seed=1).items():
        assert interval(count).low <= 0.05, name
