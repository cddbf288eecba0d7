"""The one pass over the embeddings: read, cast, test for NaN and infinity, checksum, write; and hash."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topkbench.dumps.arrays import AnyArray, Array
from topkbench.errors import DataError
from topkbench.prepare._source import Hashes
from topkbench.progress import Bar
from topkbench.store import Writer

# Bytes a block: few enough to stay in the processor's cache from the test to the write. What must be decoded comes in
# larger ones: HDF5 decodes a whole chunk for each block that touches it.
_MAPPED, _DECODED = 2**18, 16 * 2**20
_EXPONENT = np.uint16(0x7C00)  # of float16: all of these bits are set in NaN and infinity alone


@dataclass(frozen=True)
class Stream:
    """Arrays that follow each other, and the splits that their rows go to.

    Attributes:
        arrays: [rows, D], the shards of one source split.
        targets: Names of store splits, each with its choice of rows (True: taken), or None for all of them.
    """

    arrays: Sequence[Array]
    targets: Sequence[tuple[str, npt.NDArray[np.bool_] | None]]

    @property
    def place(self) -> tuple[Path, int]:
        """Where it starts: streams are copied in the order in which they lie on the disk."""
        return self.arrays[0].path, self.arrays[0].offset or 0

    @property
    def nbytes(self) -> int:
        """The size of its arrays, as they are read."""
        return sum(math.prod(array.shape) * array.dtype.itemsize for array in self.arrays)


class Tally:
    """Counts rows that are not finite, in the dump already or only since the cast."""

    def __init__(self) -> None:
        self.source = 0
        self.cast = 0

    def count(self, block: AnyArray, stored: AnyArray) -> None:
        """Count the rows of a block; `stored` is what the cast made of it."""
        if _is_finite(stored):
            return
        source = _nonfinite_rows(block)
        self.source += source
        self.cast += _nonfinite_rows(stored) - source

    def settle(self, dtype: np.dtype[Any], allow: bool, note: Callable[[str], None]) -> None:
        """Refuse what was counted, or with `allow` tell of it.

        Raises:
            DataError: A row is not finite; the message gives their number and the cure.
        """
        found = []
        if self.source:
            found.append(f"{self.source} rows hold NaN or infinite values")
        if self.cast:
            found.append(f"in {self.cast} rows a value overflows {dtype}")
        if not found:
            return
        if not allow:
            wider = " or store them with --dtype float32," if self.cast else ""
            raise DataError(f"{' and '.join(found)}; correct the dump,{wider} or keep them with --allow-nonfinite")
        note(f"{' and '.join(found)}; kept (--allow-nonfinite)")


def copy(streams: Sequence[Stream], dtype: np.dtype[Any], writer: Writer, hashes: Hashes, bar: Bar) -> Tally:
    """Copy the embeddings of all streams into the store, and count the rows that are not finite.

    Args:
        streams: What to copy, and where to.
        dtype: What is stored: float16 or float32.
        writer: The store.
        hashes: Follows the copy through the source files.
        bar: Told of every block's bytes.
    """
    tally = Tally()
    for stream in sorted(streams, key=lambda stream: stream.place):
        first = 0
        for array in stream.arrays:
            for block in _blocks(array, hashes):
                stored = _cast(block, dtype)
                tally.count(block, stored)
                for split, chosen in stream.targets:
                    rows = stored if chosen is None else stored[chosen[first : first + len(block)]]
                    writer.append(f"{split}/embeddings", rows)
                first += len(block)
                bar.advance(block.nbytes)
    return tally


def _blocks(array: Array, hashes: Hashes) -> Iterator[AnyArray]:
    """Read an array block by block; where it lies in its file as it is, the hash follows along its bytes."""
    row = array.dtype.itemsize * array.shape[1]
    end = array.offset
    size = _DECODED if end is None else _MAPPED
    for block in array.blocks(max(1, size // row)):
        if end is not None:
            end += block.nbytes
            hashes.follow(array.path, end)
        yield block


def _is_finite(stored: AnyArray) -> bool:
    if stored.dtype == np.float32:  # NaN and infinity reach the extremes; no temporary array is made
        return bool(np.isfinite(stored.max()) and np.isfinite(stored.min()))
    return bool((stored.view(np.uint16) & _EXPONENT).max() != _EXPONENT)  # four times np.isfinite's speed


def _cast(block: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    with np.errstate(over="ignore", invalid="ignore"):  # the tally counts what overflowed
        return np.ascontiguousarray(block, dtype)


def _nonfinite_rows(block: AnyArray) -> int:
    return int((~np.isfinite(block)).any(axis=1).sum())
