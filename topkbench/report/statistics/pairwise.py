"""Every pair of configurations, tested by the strongest claim that its seeds allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from topkbench.report.statistics import heads
from topkbench.report.statistics.claim import Floats
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
        p: of that pair's test alone; NaN on the diagonal.
        adjusted_p: by Holm over all M (M − 1)/2 pairs; NaN on the diagonal.
    """

    kind: npt.NDArray[np.str_]
    estimate: Floats
    p: Floats
    adjusted_p: Floats


def pairwise(hits_MSN: Sequence[Hits]) -> Pairwise:
    """Compare all configurations with each other.

    A pair with at least five seeds in common is tested by `methods.crossed`; any other by `heads.claim`, of the seeds
    in common, or, where there are none, of the heads of each one's lowest seed.

    All pairs are one family, though people look at those with the best alone: which one is best is decided by the same
    hits, so that M − 1 tests against it, adjusted for no more than themselves, would find differences too often.

    Args:
        hits_MSN: of each configuration the hits [N] of each seed.

    Raises:
        ValueError: a configuration without heads, or heads of different numbers of images, or of too few.
    """
    counts, M = joint(hits_MSN), len(hits_MSN)
    a, b = np.triu_indices(M, 1)  # each pair once
    of_methods = counts.n_seeds[a, b] >= LEAST_SEEDS
    estimate, p = np.empty(len(a)), np.empty(len(a))
    if of_methods.any():
        claim = crossed(counts.of(a[of_methods], b[of_methods]))
        estimate[of_methods], p[of_methods] = claim.estimate, claim.p
    for pair in np.flatnonzero(~of_methods):  # whose intervals, a bootstrap each, nobody looks at
        tallied = heads.tally(hits_MSN[a[pair]], hits_MSN[b[pair]])
        estimate[pair], p[pair] = heads.estimate(tallied), heads.p_value(tallied)
    kinds, adjusted_p = np.where(of_methods, "methods", "heads"), holm(p)
    return Pairwise(
        _square(len(hits_MSN), kinds, kinds, ""),
        _square(len(hits_MSN), estimate, -estimate, 0),
        _square(len(hits_MSN), p, p, np.nan),
        _square(len(hits_MSN), adjusted_p, adjusted_p, np.nan),
    )


def _square(size: int, pairs: AnyArray, turned: AnyArray, diagonal: object) -> AnyArray:
    """The matrix of what is said of every pair a < b, of the same pairs turned round, and of each with itself."""
    square = np.full((size, size), diagonal, dtype=pairs.dtype)
    above = np.triu_indices(size, 1)
    square[above], square.T[above] = pairs, turned
    return square
