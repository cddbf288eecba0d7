"""A second thread that goes over what was just copied: those bytes are still in memory."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

_LAG = 32  # requests that may wait


class Follower:
    """Does what it is told in order, in the background, and is never far behind who tells it.

    Left to run free, the copy would be so far ahead on a dump larger than memory that the follower had to fetch the
    same bytes from the disk again.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "follow")
        self._waiting: deque[Future[Any]] = deque()

    def do(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function in the background; waits only where the thread lags far behind."""
        self._waiting.append(self._thread.submit(function, *arguments))
        self._settle(_LAG)

    def catch_up(self) -> None:
        """Wait until all is done."""
        self._settle(0)

    def _settle(self, most: int) -> None:
        """Wait until at most so many requests are left; an error of the thread surfaces here."""
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
