"""Claims about methods, against scipy, plain sums, and the crossed bootstrap by enumeration."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from tests.report.statistics.conftest import differences
from topkbench.report.statistics import Joint, crossed, joint, paired_t
from topkbench.report.statistics.methods import mean_squares


def table(d_SN) -> Joint:
    """Counts of one pair whose d_si are these."""
    d = np.asarray(d_SN)
    return joint([dict(enumerate(d == -1)), dict(enumerate(d == 1))]).of(0, 1)


def anova(d):
    """The three mean squares, each as its definition has it."""
    seeds, images = d.shape
    of_seed, of_image, grand = d.mean(1), d.mean(0), d.mean()
    rest = sum((d[s, i] - of_seed[s] - of_image[i] + grand) ** 2 for s in range(seeds) for i in range(images))
    return (
        images * sum((of_seed - grand) ** 2) / (seeds - 1),
        seeds * sum((of_image - grand) ** 2) / (images - 1),
        rest / ((seeds - 1) * (images - 1)),
    )


def test_mean_squares_are_those_of_a_two_way_table(draw):
    for seed in range(5):
        a, b = draw(np.random.default_rng(seed), [range(6), range(1, 7)], 40)
        np.testing.assert_allclose(mean_squares(joint([a, b]).of(0, 1)), anova(differences(a, b)), rtol=1e-12)


def test_the_crossed_bootstrap_counts_the_rest_three_times():
    """S N Var over all 3³ · 4⁴ resamples is MS_seed (S−1)/S + MS_image (N−1)/N + MS_rest (S−1)/S · (N−1)/N.

    As E MS_seed = N σ²_seed + σ²_rest and E MS_image = S σ²_image + σ²_rest, it expects close to three times σ²_rest,
    where MS_seed + MS_image − MS_rest expects it once.
    """
    d = np.array([[1, 0, -1, 0], [0, 1, 0, 0], [1, 1, -1, 1]])
    drawn = [d[np.ix_(s, i)].mean() for s in product(range(3), repeat=3) for i in product(range(4), repeat=4)]
    squares = mean_squares(table(d))
    expected = (squares.seed * 2 / 3 + squares.image * 3 / 4 + squares.residual * 2 / 3 * 3 / 4) / 12
    assert expected == pytest.approx(np.var(drawn), rel=1e-12)


def test_the_squared_error_is_right_on_average():
    """Of d_si that are −1, 0 or 1 by the sign of seed + image + rest, of 5 seeds and 50 images.

    The variance of d.. over 4,000 experiments, and the mean of se², which may be a little above for its floor.
    """
    rng, found = np.random.default_rng(0), []
    for _ in range(4000):
        x = 0.3 * rng.normal(size=(5, 1)) + rng.normal(size=(1, 50)) + rng.normal(size=(5, 50))
        claim = crossed(table(np.where(abs(x) > 1, np.sign(x), 0)))
        found.append((claim.estimate, claim.se**2))
    estimates, variances = np.array(found).T
    assert 0.93 < variances.mean() / estimates.var() < 1.09  # deviations: 2.2 % of the variance, 1 % of the mean


def test_by_hand():
    """d_s. = 0, 0, .5, .5, 0 and d_.i = .4, 0, around d.. = .2."""
    d = np.array([[0, 0], [0, 0], [1, 0], [1, 0], [0, 0]])
    ms_seed = 2 * 0.3 / 4  # .3 = 3 · .2² + 2 · .3²
    ms_image = 5 * 0.08 / 1
    rest = (1.6 - 0.6 - 0.4) / 4  # Σ (d_si − .2)² = 2 · .8² + 8 · .2², less the two above
    claim = crossed(table(d))
    variance = (ms_seed + ms_image - rest) / 10
    share = ms_seed / 10 / variance
    df = 1 / (share / 4 + (1 - share) / 1)
    assert claim.estimate == pytest.approx(0.2)
    assert claim.se == pytest.approx(variance**0.5)
    assert claim.df == pytest.approx(df)
    assert (claim.low, claim.high) == pytest.approx(stats.t(df, 0.2, variance**0.5).interval(0.95))
    assert claim.p == pytest.approx(2 * stats.t.sf(0.2 / variance**0.5, df))


def test_components_below_zero_leave_the_rest():
    """Latin: every seed and every image has mean 0, so that both mean squares are 0."""
    d = np.array([np.roll([1, -1, 0, 0, 0], s) for s in range(5)])
    claim = crossed(table(d))
    assert mean_squares(table(d)) == (0, 0, pytest.approx(10 / 16))
    assert claim.se == pytest.approx((10 / 16 / 25) ** 0.5)


def test_without_any_difference_and_without_any_doubt():
    none = crossed(table(np.zeros((5, 9), int)))
    assert (none.estimate, none.se, none.low, none.high, none.p) == (0, 0, 0, 0, 1)
    sure = crossed(table(np.ones((5, 9), int)))
    assert (sure.estimate, sure.se, sure.low, sure.high, sure.p) == (1, 0, 1, 1, 0)


def test_equal_heads_of_every_seed_are_tested_over_images():
    """Seeds that change nothing leave a t test over the images."""
    of_image = np.random.default_rng(0).integers(-1, 2, 300)
    claim = crossed(table(np.tile(of_image, (5, 1))))
    assert claim.p == pytest.approx(stats.ttest_1samp(of_image, 0).pvalue, rel=1e-9)
    assert claim.df == 299


def test_seeds_alone_are_tested_over_seeds():
    """Images that change nothing leave the paired t test."""
    d = np.repeat([[1], [0], [1], [1], [-1], [1]], 30, axis=1)
    assert crossed(table(d)).p == pytest.approx(stats.ttest_1samp(d[:, 0], 0).pvalue, rel=1e-9)


def test_pairs_with_different_seeds_are_claims_each_of_its_own(draw):
    hits = draw(np.random.default_rng(6), [range(6), range(1, 8), range(7)], 80)
    counts = joint(hits)
    together = crossed(counts.of([0, 0, 1], [1, 2, 2]))
    for pair, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
        alone = crossed(joint([hits[a], hits[b]]).of(0, 1))
        np.testing.assert_allclose([column[pair] for column in together], alone, rtol=1e-12)


def test_swapping_the_two_turns_the_sign_and_nothing_else(draw):
    a, b = draw(np.random.default_rng(7), [range(5), range(5)], 100)
    claim, turned = (crossed(joint(two).of(0, 1)) for two in ([a, b], [b, a]))
    assert (turned.estimate, turned.low, turned.high) == (-claim.estimate, -claim.high, -claim.low)
    assert (turned.se, turned.df, turned.p) == (claim.se, claim.df, claim.p)


def test_paired_t_as_scipy_has_it():
    rng = np.random.default_rng(8)
    for seeds in (5, 6, 20):
        a, b = rng.normal(size=(2, seeds, 4))
        expected = stats.ttest_rel(b, a)
        claim = paired_t(b - a)
        np.testing.assert_allclose(claim.p, expected.pvalue, rtol=1e-10)
        np.testing.assert_allclose([claim.low, claim.high], expected.confidence_interval(0.95), rtol=1e-10)
        np.testing.assert_allclose(paired_t(b - a, 0.8)[3:5], expected.confidence_interval(0.8), rtol=1e-10)


def test_paired_t_of_counts_leaves_out_the_seeds_that_one_lacks(draw):
    a, b = draw(np.random.default_rng(9), [range(7), range(1, 9)], 200)
    claim = paired_t(joint([a, b]).of(0, 1).differences)
    accuracies = [[hits[seed].mean() for seed in range(1, 7)] for hits in (b, a)]
    assert claim.p == pytest.approx(stats.ttest_rel(*accuracies).pvalue, rel=1e-10)
    assert claim.df == 5


def test_paired_t_without_spread():
    assert paired_t(np.zeros(5)).p == 1
    assert (paired_t(np.ones(5)).p, paired_t(np.ones(5)).low) == (0, 1)


def test_fewer_than_five_seeds_are_refused(draw):
    counts = joint(draw(np.random.default_rng(10), [range(5), range(5), range(1, 5)]))
    with pytest.raises(ValueError, match="at least 5 seeds in common, got 4"):
        crossed(counts.of([0, 0], [1, 2]))
    with pytest.raises(ValueError, match="at least 5 seeds in common, got 4"):
        paired_t(counts.of(0, 2).differences)


def test_one_image_is_refused():
    with pytest.raises(ValueError, match="at least 2 of them, got 1"):
        crossed(table(np.ones((5, 1), int)))
