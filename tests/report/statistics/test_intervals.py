"""Wilson's interval against statsmodels'."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from topkbench.report.statistics import wilson


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_as_statsmodels_has_it_of_whole_and_fractional_hits(level):
    rng = np.random.default_rng(0)
    n = rng.integers(1, 5000, 200)
    for hits in (rng.binomial(n, rng.uniform(size=200)), rng.uniform(size=200) * n, 0 * n, n):
        expected = proportion_confint(hits, n, 1 - level, method="wilson")
        np.testing.assert_allclose(wilson(hits, n, level), expected, rtol=1e-12, atol=1e-15)


def test_shapes_are_broadcast():
    low, high = wilson([[1.0], [2.0]], [4, 5, 6])
    assert low.shape == high.shape == (2, 3)
    assert (low[1, 2], high[1, 2]) == wilson(2, 6)


def test_none_and_all_right_reach_0_and_1():
    assert wilson(0, 7)[0] == 0
    assert wilson(7, 7)[1] == 1


@pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, 0), (float("nan"), 5), ([1, 9], 5)])
def test_hits_that_cannot_be(hits, n):
    with pytest.raises(ValueError, match=r"within 0\.\.n"):
        wilson(hits, n)
