"""The errors that topkbench raises on purpose: each kind carries the exit code of the command that meets it.

A message is one line that names the thing, the value and the cure. Anything else that reaches the top of a
command is a bug, and exits with 1.
"""

from collections.abc import Iterable
from difflib import get_close_matches

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended; of all codes the only one that no error carries."""


class TopkbenchError(Exception):
    """What all of them are; never raised itself."""

    exit_code = 1


class UsageError(TopkbenchError, ValueError):
    """The caller asked for something that does not exist or does not fit: an option, a file, a format, a split."""

    exit_code = 2


class RunError(TopkbenchError):
    """A training run failed or diverged; its record says so."""

    exit_code = 3


class DataError(TopkbenchError):
    """Data are damaged, inconsistent or not finite, or there is no room for them on disk or in memory."""

    exit_code = 4


class MemoryShortError(DataError):
    """A run does not fit in memory."""


class UnsafeInputError(TopkbenchError):
    """A file was refused unread: it would execute code, hold Python objects or grow without bound."""

    exit_code = 5


def first_line(text: str | None) -> str:
    r"""What of an error stands in a line: a record's goes on with the traceback, and an exception's may, too.

    >>> first_line("OSError: no luck\nTraceback (most recent call last):"), first_line(None)
    ('OSError: no luck', '')
    """
    return (text or "").partition("\n")[0]


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the known word nearest to the given one, or nothing.

    >>> did_you_mean("sofsort", ["softsort", "bitonic"])
    "; did you mean 'softsort'?"
    """
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
