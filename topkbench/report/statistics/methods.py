"""The claim about these methods: would b's heads still beat a's, were they trained with other seeds?

Legend: S seeds that both have, N images, d_si = hit_b,si − hit_a,si; a dot is a mean over the index that it stands for;
"..." is any shape of pairs.
"""

from typing import NamedTuple

import numpy as np

from topkbench.report.statistics.claim import LEVEL, Claim, Floats, quotient, student
from topkbench.report.statistics.joint import Ints, Joint

LEAST_SEEDS = 5
"""With fewer there is too little to tell the spread of seeds from: t(3, .975) = 3.2, t(1, .975) = 12.7."""


class MeanSquares(NamedTuple):
    """Of a two-way table without replication; each has the shape [...] of pairs.

    Attributes:
        seed: N Σ_s (d_s. − d..)² / (S − 1).
        image: S Σ_i (d_.i − d..)² / (N − 1).
        residual: Σ_si (d_si − d_s. − d_.i + d..)² / ((S − 1) (N − 1)).
    """

    seed: Floats
    image: Floats
    residual: Floats


def mean_squares(counts: Joint) -> MeanSquares:
    """Lay out the variance of d_si by seed, by image, and what is left.

    >>> from topkbench.report.statistics.joint import joint
    >>> a, b = {s: np.zeros(2, bool) for s in (0, 1)}, {0: np.array([True, True]), 1: np.array([True, False])}
    >>> [float(square) for square in mean_squares(joint([a, b]).of(0, 1))]  # d = [[1, 1], [1, 0]]
    [0.25, 0.25, 0.25]
    """
    S, N = counts.n_seeds, counts.n_images
    # S N times each sum of squares is a whole number, so that what is zero is exactly zero.
    grand = counts.seed_sums.sum(0) ** 2
    seed = S * (counts.seed_sums**2).sum(0) - grand
    image = N * counts.image_squares - grand
    residual = S * N * counts.squares - grand - seed - image
    return MeanSquares(*(x / (S * N * df) for x, df in zip((seed, image, residual), _freedom(counts), strict=True)))


def crossed(counts: Joint, level: float = LEVEL) -> Claim:
    """Claim it of other seeds and other images alike: both are drawn, crossed with each other.

    d_si = μ + seed_s + image_i + rest_si, independent. Expected mean squares give the variance of the mean d..,

        Var(d..) = σ²_seed / S + σ²_image / N + σ²_rest / (S N) = (MS_seed + MS_image − MS_rest) / (S N),

    here at least MS_rest / (S N). Its degrees of freedom are the harmonic mean of S − 1 and N − 1, weighted by the
    share w = MS_seed / (S N Var(d..)), at most 1, and 1 − w. (Satterthwaite's weigh by w² and (1 − w)² and grow too
    large where MS_seed is small by chance: of four equal methods on 5 seeds, Holm's tests then find a difference in 7
    to 9 % of experiments in place of 5.)

    The pigeonhole bootstrap, which draws seeds and images with replacement (Owen 2007), estimates the same, but counts
    the rest three times and the seeds (S − 1)/S times.

    Args:
        counts: of pairs with at least five seeds in common.
        level: how often the interval shall hold the truth.

    Raises:
        ValueError: a pair has fewer seeds in common, or there is one image alone.
    """
    _require(counts.n_seeds)
    if counts.n_images < 2:
        raise ValueError("a claim about other images needs at least 2 of them, got 1")
    return student(np.nanmean(counts.differences, 0), *_error(counts), level)


def paired_t(differences: Floats, level: float = LEVEL) -> Claim:
    """Claim it of other seeds on these very images: Student's paired t test over the seeds.

    Takes any figure of a run, accuracies and costs alike.

    Args:
        differences: b's figure minus a's with each seed, [S, ...]; NaN where either lacks that seed.
        level: how often the interval shall hold the truth.

    Raises:
        ValueError: a pair has fewer than five seeds in common.

    >>> claim = paired_t(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))  # mean 3, se √(2.5/5), t = 4.243
    >>> f"{claim.estimate:.1f} [{claim.low:.3f}, {claim.high:.3f}] p = {claim.p:.4f}"
    '3.0 [1.037, 4.963] p = 0.0132'
    """
    seeds = (~np.isnan(differences)).sum(0)
    _require(seeds)
    se = np.nanstd(differences, 0, ddof=1) / np.sqrt(seeds)
    return student(np.nanmean(differences, 0), se, seeds - 1, level)


def _error(counts: Joint) -> tuple[Floats, Floats]:
    """The standard error of d.. and its degrees of freedom."""
    squares, (of_seeds, of_images, _) = mean_squares(counts), _freedom(counts)
    variance = np.maximum(squares.seed + squares.image - squares.residual, squares.residual)
    share = np.minimum(quotient(squares.seed, variance), 1)
    freedom = 1 / (share / of_seeds + (1 - share) / of_images)
    return np.sqrt(variance / (counts.n_seeds * counts.n_images)), freedom


def _freedom(counts: Joint) -> tuple[Ints, Ints, Ints]:
    """Degrees of freedom of the three mean squares."""
    seeds, images = counts.n_seeds - 1, np.asarray(counts.n_images - 1)
    return seeds, images, seeds * images


def _require(seeds: Ints) -> None:
    if (seeds < LEAST_SEEDS).any():
        raise ValueError(f"a claim about methods needs at least {LEAST_SEEDS} seeds in common, got {seeds.min()}")
