"""Every pair of configurations, tested by the strongest claim that its seeds allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from topkbench.report.statistics import heads
from topkbench.report.statistics.claim import LEVEL, Claim, Floats
from topkbench.report.statistics.joint import Hits, joint
from topkbench.report.statistics.methods import LEAST_SEEDS, crossed
from topkbench.report.statistics.multiple import holm

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Pairwise:
    """Row a, column b: what is claimed of b − a; all arrays are [M, M].

    Attributes:
        kind: which claim it is: of the "methods", or of the "heads" at hand; "" on the diagonal.
        estimate: the mean difference in accuracy over the seeds that both have; 0 on the diagonal.
        low: where its interval begins; 0 on the diagonal.
        high: where it ends; 0 on the diagonal.
        p: of that pair's test alone; NaN on the diagonal.
        adjusted_p: by Holm over all M (M − 1)/2 pairs; NaN on the diagonal.
    """

    kind: npt.NDArray[np.str_]
    estimate: Floats
    low: Floats
    high: Floats
    p: Floats
    adjusted_p: Floats


def pairwise(hits_MSN: Sequence[Hits], level: float = LEVEL) -> Pairwise:
    """Compare all configurations with each other.

    A pair with at least five seeds in common is tested by `methods.crossed`; any other by `heads.claim`, of the seeds
    in common, or, where there are none, of the heads of each one's lowest seed.

    All pairs are one family, though people look at those with the best alone: which one is best is decided by the same
    hits, so that M − 1 tests against it, adjusted for no more than themselves, would find differences too often.

    Args:
        hits_MSN: of each configuration the hits [N] of each seed.
        level: how often each interval shall hold the truth; intervals are not adjusted for their number.

    Raises:
        ValueError: a configuration without heads, or heads of different numbers of images, or of too few.
    """
    counts, M = joint(hits_MSN), len(hits_MSN)
    a, b = np.triu_indices(M, 1)  # each pair once
    of_methods = counts.n_seeds[a, b] >= LEAST_SEEDS
    claims = np.empty((len(Claim._fields), len(a)))
    if of_methods.any():
        claims[:, of_methods] = crossed(counts.of(a[of_methods], b[of_methods]), level)
    for pair in np.flatnonzero(~of_methods):
        claims[:, pair] = heads.claim(heads.tally(hits_MSN[a[pair]], hits_MSN[b[pair]]), level)
    found, kinds = Claim(*claims), np.where(of_methods, "methods", "heads")
    adjusted_p = holm(found.p)
    return Pairwise(
        _square(M, kinds, kinds, ""),
        _square(M, found.estimate, -found.estimate, 0),
        _square(M, found.low, -found.high, 0),
        _square(M, found.high, -found.low, 0),
        _square(M, found.p, found.p, np.nan),
        _square(M, adjusted_p, adjusted_p, np.nan),
    )


def _square(size: int, pairs: AnyArray, turned: AnyArray, diagonal: object) -> AnyArray:
    """The matrix of what is said of every pair a < b, of the same pairs turned round, and of each with itself."""
    square = np.full((size, size), diagonal, dtype=pairs.dtype)
    above = np.triu_indices(size, 1)
    square[above], square.T[above] = pairs, turned
    return square
