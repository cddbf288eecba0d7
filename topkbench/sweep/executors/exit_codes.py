"""Many workers' exit codes → one."""

from collections.abc import Iterable, Sequence

from topkbench.errors import INTERRUPTED, RunError, TopkbenchError

_GRAVITY = (0, RunError.exit_code, INTERRUPTED, 4, 5, 2, 1)
"""From the code that asks for nothing to the one that asks for a hand first; see `topkbench.errors`."""


class WorkersError(TopkbenchError):
    """Workers have not come to the end of their shares; it carries the code of the one that most needs a hand."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


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


def has_ended(code: int | None) -> bool:
    """Whether a worker came to the end of its share, where runs may have failed."""
    return code in (0, RunError.exit_code)


def require_ends(codes: Sequence[int | None]) -> None:
    """Every worker must have come to the end of its share.

    Raises:
        WorkersError: one has not.
    """
    short = [code for code in codes if not has_ended(code)]
    if short:
        cure = "mend what is told above; the same command goes on with what is left"
        raise WorkersError(f"{len(short)} of {len(codes)} workers ended too early; {cure}", worst(codes))
