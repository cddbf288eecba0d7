"""What may be claimed of differences between configurations: arrays in, arrays out; nothing of records or files.

Heads are compared on the same test images, seed by seed. What is claimed depends on what may vary: the images alone
(`heads`: of these trained heads), or seeds as well (`methods`: of the methods that trained them, for which it takes
five seeds). `pairwise` picks the claim for every pair of configurations, `compare` says everything of one pair, and
`holm` pays for asking often.
"""

from topkbench.report.statistics.claim import LEVEL, Claim
from topkbench.report.statistics.comparison import Comparison, compare
from topkbench.report.statistics.intervals import wilson
from topkbench.report.statistics.joint import Hits, Joint, joint
from topkbench.report.statistics.methods import LEAST_SEEDS, crossed, paired_t
from topkbench.report.statistics.multiple import holm, indistinguishable_from_best
from topkbench.report.statistics.pairwise import Pairwise, pairwise

__all__ = [
    "LEAST_SEEDS", "LEVEL", "Claim", "Comparison", "Hits", "Joint", "Pairwise",
    "compare", "crossed", "holm", "indistinguishable_from_best", "joint", "paired_t", "pairwise", "wilson",
]  # fmt: skip
