"""The claim about these trained heads: images vary, the heads stay; what another training would give is not asked.

Legend: S heads of each, compared one by one, N images, D_i = Σ_s (hit_b,si − hit_a,si) in −S..S. All that there is to
know is a tally, [2S + 1]: how many images have each of the values −S..S.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtr

from topkbench.report.statistics.claim import LEVEL, Claim, Floats, quotient
from topkbench.report.statistics.joint import Hits, Ints

RESAMPLES = 1000
"""In each order of two configurations: an end moves by some 7 % of the standard error from one seed to another."""


def mcnemar(only_a: npt.ArrayLike, only_b: npt.ArrayLike) -> Floats:
    """McNemar's exact test of two heads: is one of them right alone more often than the other?

    p = min(1, 2 P(X ≤ min(only_a, only_b))), X binomial of only_a + only_b tosses of a fair coin (McNemar 1947).

    Args:
        only_a: how many images a alone gets right.
        only_b: how many b alone; broadcast against only_a.

    >>> float(mcnemar(1, 4))  # 2 (1 + 5) / 2^5
    0.375
    """
    fewer, of = np.minimum(only_a, only_b), np.add(only_a, only_b)
    return np.asarray(np.minimum(1, 2 * bdtr(fewer, of, 0.5)))


def matched(hits_a: Hits, hits_b: Hits) -> list[tuple[int, int]]:
    """Which heads are compared, by their seeds: those of the seeds in common; where there are none, of the lowest ones.

    >>> head = np.array([True])
    >>> matched({0: head, 1: head}, {1: head, 2: head}), matched({0: head, 1: head}, {2: head, 3: head})
    ([(1, 1)], [(0, 2)])
    """
    return [(seed, seed) for seed in sorted(hits_a.keys() & hits_b.keys())] or [(min(hits_a), min(hits_b))]


def tally(hits_a: Hits, hits_b: Hits) -> Ints:
    """How many images have each D_i from −S to S, over the heads that match: [2S + 1].

    >>> tally({0: np.array([True, True, False])}, {0: np.array([False, True, True])})
    array([1, 1, 1])
    """
    seeds = matched(hits_a, hits_b)
    sums_N = sum(np.subtract(hits_b[of_b], hits_a[of_a], dtype=np.int16) for of_a, of_b in seeds)
    return np.bincount(sums_N + len(seeds), minlength=2 * len(seeds) + 1)


def p_value(tallied: Ints) -> Floats:
    """Test that the heads' mean accuracies are equal: may every image as well have the opposite sign of D_i?

    For one head each it is McNemar's exact test. For several it is that with Edwards' correction (1948), generalised:
    under random signs Σ_i D_i has variance Σ_i D_i² and moves in steps of 2g, g the greatest common divisor of the D_i,
    so that z = (|Σ_i D_i| − g) / √(Σ_i D_i²), at least 0, is compared with the normal distribution.

    >>> float(p_value(np.array([1, 90, 4])))  # 4 images to 1
    0.375
    >>> f"{p_value(np.array([0, 1, 90, 7, 2])):.4f}"  # Σ D = 10, Σ D² = 16, g = 1: z = 9/4
    '0.0244'
    """
    values = _values(tallied)
    if len(values) == 3:
        return mcnemar(tallied[0], tallied[2])
    step = np.gcd.reduce(values[tallied > 0])
    beyond = np.maximum(np.abs(tallied @ values) - step, 0)
    return np.asarray(2 * ndtr(-quotient(beyond, np.sqrt(tallied @ values**2))))


def estimate(tallied: Ints) -> float:
    """The mean of D_i/S.

    >>> estimate(np.array([1, 6, 3]))  # of ten images one the less and three the more
    0.2
    """
    return float(tallied @ _values(tallied) / (tallied.sum() * (len(tallied) // 2)))


def claim(tallied: Ints, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Claim:
    """The mean of D_i/S, its interval by the percentile bootstrap over images (Efron 1979), and p by `p_value`.

    To draw N images with replacement is to draw how many of them have each value, by a multinomial. The standard error
    is the one that endlessly many resamples would have, √(Σ_i (D_i − D.)²) / (S N).

    Args:
        tallied: how many images have each value, [2S + 1].
        level: how often the interval shall hold the truth.
        resamples: how many, in each order of the two.
        seed: of the generator that draws them.

    >>> found = claim(np.array([100, 9600, 300]))  # 300 to 100 of 10,000 images: .02 ± 1.96 √(.04 − .0004) / 100
    >>> f"{found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}], se {found.se:.5f}"
    '0.020 [0.016, 0.024], se 0.00199'
    """
    values, images = _values(tallied), tallied.sum()
    mean, each = estimate(tallied), images * (len(tallied) // 2)
    se = np.sqrt(tallied @ (values - mean * (len(tallied) // 2)) ** 2) / each
    # Drawn in both orders of the two, so that to swap them turns the interval's sign and nothing else.
    ends, turned = (_bootstrap(order, level, resamples, seed) for order in (tallied, tallied[::-1]))
    low, high = (ends - turned[::-1]) / 2 / each
    return Claim(np.array(mean), se, np.array(np.inf), low, high, p_value(tallied))


def _bootstrap(tallied: Ints, level: float, resamples: int, seed: int) -> Floats:
    """The two quantiles between which Σ_i D_i of resampled images lies."""
    images = tallied.sum()
    drawn = np.random.default_rng(seed).multinomial(images, tallied / images, size=resamples)
    return np.asarray(np.quantile(drawn @ _values(tallied), [(1 - level) / 2, (1 + level) / 2]))


def _values(tallied: Ints) -> Ints:
    """The values −S..S that D_i may take."""
    seeds = len(tallied) // 2
    return np.arange(-seeds, seeds + 1)
