"""All that is to be said of two configurations."""

from collections.abc import Sequence
from dataclasses import dataclass

from topkbench.report.statistics import heads
from topkbench.report.statistics.claim import LEVEL, Claim, Floats
from topkbench.report.statistics.joint import Hits, Ints, joint
from topkbench.report.statistics.methods import LEAST_SEEDS, crossed, paired_t


@dataclass(frozen=True)
class Comparison:
    """What is claimed of b − a, and the heads that it rests on: S of each, one by one.

    Attributes:
        seeds: of the two heads that are compared with each other: equal, but where there is no seed in common.
        differences: by how much b's accuracy is above a's, a fraction: [S].
        only_a: how many images a alone gets right: [S].
        only_b: how many b alone: [S].
        mcnemar_p: of McNemar's exact test of the two: [S].
        heads: the claim about the mean of these heads.
        methods: the claim about other seeds and other images; None below five seeds in common.
        methods_here: the claim about other seeds on these images; likewise.
    """

    seeds: Sequence[tuple[int, int]]
    differences: Floats
    only_a: Ints
    only_b: Ints
    mcnemar_p: Floats
    heads: Claim
    methods: Claim | None
    methods_here: Claim | None


def compare(hits_a: Hits, hits_b: Hits, level: float = LEVEL) -> Comparison:
    """Compare two configurations, of each the hits [N] of each seed.

    Raises:
        ValueError: a configuration without heads, or heads of different numbers of images, or of too few.

    >>> import numpy as np
    >>> a, b = np.array([True, True, False, False, False]), np.array([True, False, True, True, True])
    >>> found = compare({7: a}, {7: b})
    >>> found.seeds, found.only_a.tolist(), found.only_b.tolist(), found.mcnemar_p.tolist(), found.methods
    ([(7, 7)], [1], [3], [0.625], None)
    """
    seeds = heads.matched(hits_a, hits_b)
    counts = joint([{s: hits_a[a] for s, (a, _) in enumerate(seeds)}, {s: hits_b[b] for s, (_, b) in enumerate(seeds)}])
    pair, enough = counts.of(0, 1), len(seeds) >= LEAST_SEEDS
    return Comparison(
        seeds=seeds,
        differences=pair.differences,
        only_a=pair.only_a,
        only_b=pair.only_b,
        mcnemar_p=heads.mcnemar(pair.only_a, pair.only_b),
        heads=heads.claim(heads.tally(hits_a, hits_b), level),
        methods=crossed(pair, level) if enough else None,
        methods_here=paired_t(pair.differences, level) if enough else None,
    )
