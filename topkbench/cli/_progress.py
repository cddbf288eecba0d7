"""How progress looks, for all commands: a tqdm bar on a terminal, a plain line every 30 seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never

from tqdm import tqdm

from topkbench.progress import Bar

_SECONDS = 30.0  # between plain lines: a log of a day's run stays readable
_LINE = "{desc}: {percentage:.0f}%, {n_fmt} of {total_fmt}, {rate_fmt}, {remaining} left{postfix}"


@contextmanager
def progress(total: int, unit: str, description: str) -> Iterator[Bar]:
    """Show on stderr how far a stretch of work has come, how fast it goes and what time is left.

    Args:
        total: What `advance` will sum up to.
        unit: Of the total; `B` is told in MB and GB.
        description: What is being done, in a word or two.
    """
    terminal = sys.stderr.isatty()
    shown = tqdm(
        total=total,
        unit=unit,
        unit_scale=unit == "B",
        desc=description,
        file=sys.stderr,
        disable=not terminal,
        dynamic_ncols=True,
        leave=False,
    )
    with shown:
        yield _TerminalBar(shown) if terminal else _PlainBar(total, unit, description)


def note(line: str) -> None:
    """Write a line to stderr, above a bar that may stand there."""
    tqdm.write(line, file=sys.stderr)


class _TerminalBar:
    def __init__(self, shown: "tqdm[Never]") -> None:
        self._shown = shown

    def advance(self, n: int, note: str = "") -> None:
        if note:
            self._shown.set_postfix_str(note, refresh=False)
        self._shown.update(n)


class _PlainBar:
    """A line when the time has come, none before: what is quick stays silent."""

    def __init__(self, total: int, unit: str, description: str) -> None:
        self._total, self._unit, self._description = total, unit, description
        self._done, self._note = 0, ""
        self._started = self._told = time.monotonic()

    def advance(self, n: int, note: str = "") -> None:
        self._done += n
        self._note = note or self._note
        now = time.monotonic()
        if now - self._told >= _SECONDS:
            self._told = now
            sys.stderr.write(self._line(now - self._started) + "\n")
            sys.stderr.flush()

    def _line(self, elapsed: float) -> str:
        return tqdm.format_meter(
            self._done,
            self._total,
            elapsed,
            prefix=self._description,
            unit=self._unit,
            unit_scale=self._unit == "B",
            postfix=self._note,
            bar_format=_LINE,
        )
