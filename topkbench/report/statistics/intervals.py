"""The interval of a share: an accuracy on test images that are a sample."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from topkbench.report.statistics.claim import LEVEL, Floats


def wilson(hits: npt.ArrayLike, n: npt.ArrayLike, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Wilson's score interval of a share p, of which hits/n was seen: all p with (hits/n − p)² ≤ z² p (1 − p)/n.

    (hits + z²/2 ± z √(hits (n − hits)/n + z²/4)) / (n + z²), z the normal quantile of (1 + level)/2 (Wilson 1927).
    Of all that may vary it holds the images alone. The mean accuracy of several heads, given as fractional hits, varies
    less with the images than that of one, so that its interval is somewhat too wide.

    Args:
        hits: how many are right, in 0..n; need not be whole.
        n: of how many, ≥ 1; broadcast against hits.
        level: how often the interval shall hold the share.

    Returns:
        Its two ends, fractions.

    Raises:
        ValueError: hits are not within 0..n, or n is below 1.

    >>> low, high = wilson(6, 10)  # z² = 3.84: (7.92 ± 1.96 √3.36) / 13.84
    >>> f"{low:.3f} {high:.3f}"
    '0.313 0.832'
    """
    right, of = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    if not np.all((of >= 1) & (right >= 0) & (right <= of)):
        raise ValueError(f"hits = {right} of n = {of}; give hits within 0..n, and n ≥ 1")
    z = ndtri((1 + level) / 2)
    centre = right + z**2 / 2
    reach = z * np.sqrt(right * (of - right) / of + z**2 / 4)
    # Rounding may carry an end past 0 or 1.
    return np.clip((centre - reach) / (of + z**2), 0, 1), np.clip((centre + reach) / (of + z**2), 0, 1)
