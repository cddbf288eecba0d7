"""Many tests at once: p-values that keep the chance of even one false finding below their level."""

import numpy as np
import numpy.typing as npt

from topkbench.report.statistics.claim import Floats


def holm(p: npt.ArrayLike) -> Floats:
    """Adjust p-values by Holm's step-down procedure (1979).

    Of m sorted ones, the j-th becomes max_{i ≤ j} min(1, (m − i + 1) p_(i)). To call those of at most α findings errs
    in a single one of the family with a probability of at most α, however the tests depend on each other.

    Args:
        p: of any shape; all entries but NaN are one family, NaN stays.

    >>> holm([0.01, 0.04, float("nan"), 0.03])  # .01 · 3; .03 · 2; max(.04 · 1, .06)
    array([0.03, 0.06,  nan, 0.06])
    """
    given = np.asarray(p, dtype=float)
    family = given[~np.isnan(given)]
    order = np.argsort(family)
    stepped = np.maximum.accumulate(family[order] * np.arange(len(family), 0, -1))
    adjusted = np.full(given.shape, np.nan)
    adjusted[~np.isnan(given)] = np.minimum(stepped, 1)[np.argsort(order)]
    return adjusted


def indistinguishable_from_best(means: npt.ArrayLike, adjusted_p: Floats, alpha: float = 0.05) -> npt.NDArray[np.bool_]:
    """Which configurations are the best by mean, the first of equals, or not shown to differ from it: [M].

    Args:
        means: [M], the more the better; those that are NaN are not among them.
        adjusted_p: [M, M], of all pairs.
        alpha: the level above which a pair is not told apart.

    >>> p = np.array([[np.nan, 0.01, 1.0], [0.01, np.nan, 0.2], [1.0, 0.2, np.nan]])
    >>> indistinguishable_from_best([0.5, 0.7, 0.6], p)
    array([False,  True,  True])
    """
    best = int(np.nanargmax(means))
    alike = (adjusted_p[best] > alpha) & ~np.isnan(means)
    alike[best] = True
    return np.asarray(alike)
