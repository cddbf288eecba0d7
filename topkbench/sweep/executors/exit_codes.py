"""Many workers' exit codes → one."""

from collections.abc import Iterable

from topkbench.errors import INTERRUPTED

_GRAVITY = (0, 3, INTERRUPTED, 4, 5, 2, 1)
"""From the code that asks for nothing to the one that asks for a hand first; see `topkbench.errors`."""


def worst(codes: Iterable[int | None]) -> int:
    """The code of the worker that most needs a hand.

    Args:
        codes: None is a worker that left no code. It was ended from outside, as was one whose code is not among
            those of topkbench: both were interrupted, and the same command goes on.

    >>> worst([0, 3, 0])
    3
    >>> worst([3, None])
    130
    """
    known = (code if code in _GRAVITY else INTERRUPTED for code in codes)
    return max(known, key=_GRAVITY.index, default=0)
