"""Claims about trained heads, against statsmodels, enumeration and a bootstrap that draws image by image."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from tests.report.statistics.conftest import differences
from topkbench.report.statistics import heads


def test_mcnemar_as_statsmodels_has_it():
    rng = np.random.default_rng(0)
    only_a = rng.integers(0, 2000, 300)
    only_b = (only_a * rng.uniform(0.7, 1.4, 300)).astype(int)  # p from 1 to 1e-30; statsmodels ends near 1e-260
    expected = [statsmodels_mcnemar([[5, a], [b, 5]], exact=True).pvalue for a, b in zip(only_a, only_b, strict=True)]
    np.testing.assert_allclose(heads.mcnemar(only_a, only_b), expected, rtol=1e-9)


def test_mcnemar_of_heads_that_never_disagree_or_draw():
    assert heads.mcnemar([0, 1, 8], [0, 1, 8]).tolist() == [1, 1, 1]


def test_mcnemar_knows_no_order():
    assert heads.mcnemar(3, 17) == heads.mcnemar(17, 3)


@pytest.mark.parametrize(
    ("of_a", "of_b", "expected"),
    [
        ([0, 1, 2], [2, 1, 5], [(1, 1), (2, 2)]),
        ([3, 4], [6, 5], [(3, 5)]),  # none in common
        ([9], [9], [(9, 9)]),
    ],
)
def test_which_heads_are_compared(of_a, of_b, expected):
    assert heads.matched(dict.fromkeys(of_a, ()), dict.fromkeys(of_b, ())) == expected


def test_a_tally_counts_sums_over_the_seeds_in_common(draw):
    a, b = draw(np.random.default_rng(1), [[0, 1, 2, 5], [2, 1, 0, 4]], 500)
    sums = differences(a, b).sum(0).tolist()
    assert heads.tally(a, b).tolist() == [sums.count(value) for value in range(-3, 4)]


def test_p_of_one_head_is_mcnemars():
    assert heads.p_value(np.array([3, 80, 12])) == pytest.approx(stats.binomtest(3, 15).pvalue, rel=1e-12)


def signs(tallied):
    """The exact test of several heads: P(|Σ ± D_i| ≥ |Σ D_i|) over all signs."""
    size = len(tallied) // 2
    d = np.repeat(np.arange(-size, size + 1), tallied)
    d = d[d != 0]
    return np.mean([abs(np.dot(each, d)) >= abs(d.sum()) for each in product((-1, 1), repeat=len(d))])


@pytest.mark.parametrize(
    "tallied",
    [[2, 1, 9, 3, 8], [0, 2, 50, 9, 3], [1, 4, 3, 5, 1], [6, 0, 9, 0, 7], [1, 0, 0, 5, 2, 0, 5], [0, 0, 9, 0, 4]],
)
def test_p_of_several_heads_is_near_that_of_all_signs(tallied):
    assert heads.p_value(np.array(tallied)) == pytest.approx(signs(tallied), abs=0.01)


def test_p_of_equal_heads_is_mcnemars_with_edwards_correction():
    """Three times the same head is no news: D_i of 3 and −3 alone."""
    expected = statsmodels_mcnemar([[5, 30], [52, 5]], exact=False, correction=True).pvalue
    assert heads.p_value(np.array([30, 0, 0, 100, 0, 0, 52])) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("tallied", [[0, 7, 0], [0, 0, 7, 0, 0]])
def test_heads_that_never_disagree(tallied):
    claim = heads.claim(np.array(tallied))
    assert (claim.estimate, claim.se, claim.low, claim.high, claim.p) == (0, 0, 0, 0, 1)


def test_a_head_that_is_always_better():
    claim = heads.claim(np.array([0, 0, 0, 0, 40]))
    assert (claim.estimate, claim.low, claim.high) == (1, 1, 1)
    assert claim.p < 1e-9


def test_the_interval_is_that_of_a_bootstrap_that_draws_images(draw):
    """scipy draws images one by one; ends agree within some four Monte-Carlo deviations of a quantile, .06 se each."""
    a, b = draw(np.random.default_rng(2), [range(3), range(3)], 400)
    of_image = differences(a, b).mean(0)
    drawn = stats.bootstrap((of_image,), np.mean, n_resamples=4000, method="percentile", rng=1)
    claim = heads.claim(heads.tally(a, b))
    assert claim.estimate == pytest.approx(of_image.mean(), rel=1e-12)
    assert claim.se == pytest.approx(of_image.std() / 20, rel=1e-12)
    assert claim.low == pytest.approx(drawn.confidence_interval.low, abs=0.3 * claim.se)
    assert claim.high == pytest.approx(drawn.confidence_interval.high, abs=0.3 * claim.se)


def test_a_higher_level_is_wider():
    ends = [heads.claim(np.array([40, 500, 70]), level)[3:5] for level in (0.5, 0.9, 0.99)]
    lows, highs = zip(*ends, strict=True)
    assert sorted(lows, reverse=True) == list(lows)
    assert sorted(highs) == list(highs)
    assert len(set(lows)) == 3


def test_swapping_the_two_turns_the_sign_and_nothing_else():
    for tallied in ([3, 80, 12], [5, 9, 60, 10, 3], [4, 1, 30, 1, 4], [2, 6, 30, 2, 4]):
        claim, turned = heads.claim(np.array(tallied)), heads.claim(np.array(tallied[::-1]))
        assert turned.estimate == pytest.approx(-claim.estimate, abs=1e-15)
        assert (turned.low, turned.high) == pytest.approx((-claim.high, -claim.low), abs=1e-15)
        assert turned.se == pytest.approx(claim.se, rel=1e-12)
        assert turned.p == claim.p


def test_the_same_again_and_another_generator():
    tallied = np.array([300, 5000, 400])
    assert heads.claim(tallied) == heads.claim(tallied)
    assert heads.claim(tallied).low != heads.claim(tallied, seed=1).low
