"""What is claimed of a difference: how large it is, how sure, and whether it may be nothing."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
"""How often intervals shall hold the truth."""


class Claim(NamedTuple):
    """A difference b − a, a fraction where accuracies are compared; arrays of one shape, an entry a pair.

    Attributes:
        estimate: the mean difference.
        se: its standard error.
        df: degrees of freedom of that; ∞ where it counts as known.
        low: where the interval begins.
        high: where it ends.
        p: of the two-sided test that there is no difference.
    """

    estimate: Floats
    se: Floats
    df: Floats
    low: Floats
    high: Floats
    p: Floats


def student(estimate: npt.ArrayLike, se: npt.ArrayLike, df: npt.ArrayLike, level: float = LEVEL) -> Claim:
    """Claim by Student's t: estimate ± t(df, (1 + level)/2) · se, and P(|t| ≥ |estimate|/se).

    A difference without any spread is certain: p is 1 where it is zero, else 0.

    >>> claim = student(2.0, 1.0, 4)  # t(4, .975) = 2.776
    >>> f"{claim.low:.3f} to {claim.high:.3f}, p = {claim.p:.4f}"
    '-0.776 to 4.776, p = 0.1161'
    """
    mean, error, freedom = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (estimate, se, df)))
    t = quotient(np.abs(mean), error)
    reach = error * stdtrit(freedom, (1 + level) / 2)
    return Claim(mean, error, freedom, mean - reach, mean + reach, 2 * stdtr(freedom, -t))


def quotient(difference: Any, error: Any) -> Floats:
    """Divide a difference by its error; 0/0 is no difference, 0.

    >>> quotient(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0]))
    array([0. , inf, 0.5])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, np.divide(difference, error))
