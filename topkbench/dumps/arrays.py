"""What every reader hands on: an array that still lies in its file, and the dump that holds it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]


class Array(Protocol):
    """One array of a dump, read in blocks of rows, in order, without ever holding the whole of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """What `blocks` yields: bfloat16, which NumPy lacks, is read as float32."""

    @property
    def path(self) -> Path:
        """The file that holds it."""

    @property
    def offset(self) -> int | None:
        """Where in that file its bytes start, if they lie there as they are; None if they must be decoded."""

    def blocks(self, rows: int) -> Iterator[AnyArray]:
        """Yield consecutive blocks of at most `rows` rows; views of the file where `offset` is known."""


@dataclass(frozen=True)
class Dump:
    """One file, opened: its arrays by key, still in it, and its lists of strings (class ids and names)."""

    path: Path
    format: str
    arrays: Mapping[str, Array]
    strings: Mapping[str, list[str]] = field(default_factory=dict)
