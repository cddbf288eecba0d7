"""A test split for dumps that have none."""

import numpy as np
import numpy.typing as npt

from topkbench.errors import UsageError
from topkbench.prepare._labels import Labels

_MOST = 0.5  # up to here, every class with two rows or more keeps one to learn from


def stratified(labels: Labels, fraction: float, seed: int) -> npt.NDArray[np.bool_]:
    """Choose the rows that become the test split: of n rows of a class ⌊F·n⌋ or ⌈F·n⌉, F·N in all, at random.

    Rows are put in order of class, at random within, and every (1/F)-th is taken (systematic sampling): the
    sum stays right however small the classes are. The only row of a class is never taken. (scikit-learn's
    stratified split needs 833 MiB for 11 million rows, more than prepare may use, and refuses such classes.)

    Args:
        labels: Of all rows.
        fraction: F, above 0 and at most ½.
        seed: Equal seeds choose equal rows.

    Returns:
        True for rows of the test split.

    Raises:
        UsageError: The fraction is out of range, or so small that no row is taken.

    >>> stratified(np.array([0, 1, 0, 1, 2, 0, 1, 0, 1], np.int32), 0.25, seed=0).sum()
    np.int64(2)
    """
    if not 0 < fraction <= _MOST:
        raise UsageError(f"--test-fraction {fraction} must be above 0 and at most {_MOST}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.arange(len(labels), dtype=np.int32))  # half of int64's memory
    order = order[np.argsort(labels[order], kind="stable")]
    order = order[np.bincount(labels)[labels[order]] > 1]
    ticks = np.floor(np.arange(len(order) + 1) * fraction + rng.random())
    chosen = np.zeros(len(labels), bool)
    chosen[order[np.diff(ticks) > 0]] = True
    if not chosen.any():
        raise UsageError(f"--test-fraction {fraction} of {len(labels)} rows is not one row; give a larger one")
    return chosen
