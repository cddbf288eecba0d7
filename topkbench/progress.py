"""How the library says that long work goes on; whoever calls it decides how that looks, or stays `silent`."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    """One stretch of work, under way."""

    def advance(self, n: int, note: str = "") -> None:
        """Count `n` further units as done; a `note` replaces the text shown beside the count."""


class Progress(Protocol):
    """Opens a bar for work of known size: `with progress(total, "B", "copying") as bar: bar.advance(512)`."""

    def __call__(self, total: int, unit: str, description: str) -> AbstractContextManager[Bar]:
        """Open a bar over `total` units; bytes are told by the unit `B`."""


class _Silence:
    def advance(self, n: int, note: str = "") -> None:
        """Say nothing."""


@contextmanager
def silent(total: int, unit: str, description: str) -> Iterator[Bar]:
    """Show nothing at all: the default of every function that takes a `Progress`."""
    yield _Silence()
