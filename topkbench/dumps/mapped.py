"""A file as one read-only memory map, and the arrays that lie in it, read when they are looked at."""

import math
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from topkbench.dumps.arrays import AnyArray, Array
from topkbench.errors import DataError

MAX_DIMENSIONS = 32  # NumPy's own limit before 2.0
READABLE = "biufSU"  # NumPy's kinds: booleans, integers, floats, and text for names


def open_map(path: Path) -> memoryview:
    """The bytes of a file that is not empty; the map lives as long as any slice of it."""
    with path.open("rb") as file:
        return map_file(file)


def map_file(file: IO[bytes]) -> memoryview:
    """The bytes of an open file, which may be closed after."""
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def cut(data: memoryview, start: int, size: int) -> memoryview:
    """`size` bytes from `start` on, all of them there.

    Raises:
        DataError: The data end before.
    """
    if not 0 <= start <= start + size <= len(data):
        raise DataError(
            f"{size:,} bytes are declared at byte {start:,}, where {max(len(data) - start, 0):,} are left; "
            "the file is cut short or damaged: copy or download it again"
        )
    return data[start : start + size]


def offset_of(part: memoryview) -> int | None:
    """Where in its file a slice of a map starts; None for bytes that lie in no map.

    A slice remembers the whole map as its `obj`: the distance between their addresses is the offset.
    """
    if not isinstance(part.obj, mmap.mmap) or not part:
        return None
    return _address(part) - _address(memoryview(part.obj))


def _address(data: memoryview) -> int:
    return np.frombuffer(data, np.uint8).ctypes.data


def check_shape(shape: Sequence[object]) -> tuple[int, ...]:
    """A shape out of a file, as a tuple of ints that are not negative.

    Raises:
        DataError: It is none, or has too many dimensions.
    """
    sizes = tuple(size for size in shape if type(size) is int and 0 <= size < 2**63)
    if len(sizes) != len(shape) or len(shape) > MAX_DIMENSIONS:
        raise DataError(f"{str(shape)[:100]} is not the shape of an array; the file is damaged")
    return sizes


def lay(data: memoryview, dtype: np.dtype[Any], shape: Sequence[object], *, fortran: bool = False) -> AnyArray:
    """An array over bytes that hold it exactly.

    Raises:
        DataError: They hold more or less than `shape` and `dtype` need.
    """
    sizes = check_shape(shape)
    needed = math.prod(sizes) * dtype.itemsize
    if needed != len(data):
        raise DataError(
            f"shape {sizes} of {dtype} needs {needed:,} bytes, and {len(data):,} are there; "
            "the file is cut short or damaged: copy or download it again"
        )
    return np.ndarray(sizes, dtype, buffer=data, order="F" if fortran else "C")


@dataclass(frozen=True, eq=False)
class MappedArray:
    """An array that is a view of its file's map, or of a few bytes decoded from it (no offset then)."""

    path: Path
    view: AnyArray
    start: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return self.view.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """As it is in the file, byte order included."""
        return self.view.dtype

    @property
    def offset(self) -> int | None:
        """Where its bytes start, if they lie there row by row."""
        return self.start if self.view.flags.c_contiguous else None

    def blocks(self, rows: int) -> Iterator[AnyArray]:
        """Yield views of at most `rows` rows."""
        for start in range(0, len(self.view), rows):
            yield self.view[start : start + rows]


@dataclass(frozen=True, eq=False)
class Bfloat16Array:
    """bfloat16, given as its 16 bits and read as float32, whose upper half they are."""

    bits: MappedArray
    offset: None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """What it is read as."""
        return np.dtype(np.float32)

    @property
    def path(self) -> Path:
        """The file that holds it."""
        return self.bits.path

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return self.bits.shape

    def blocks(self, rows: int) -> Iterator[AnyArray]:
        """Yield blocks of at most `rows` rows, converted."""
        for block in self.bits.blocks(rows):
            yield (block.astype(np.uint32) << 16).view(np.float32)


@dataclass(frozen=True, eq=False)
class UnreadableArray:
    """An array of a type that topkbench has no use for: an error only where somebody reads it."""

    path: Path
    key: str
    type_name: str
    shape: tuple[int, ...]
    offset: None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Opaque, and so of neither kind that embeddings and labels are of."""
        return np.dtype(np.void)

    def blocks(self, rows: int) -> NoReturn:
        """Refuse.

        Raises:
            DataError: Always.
        """
        raise DataError(
            f"{self.path}: {self.key!r} holds {self.type_name}, of which no embeddings or labels are made; "
            f"save it as float32 or int64 (asked for blocks of {rows:,} rows)"
        )


def as_array(path: Path, key: str, view: AnyArray, start: int | None) -> Array:
    """The array for a view: unreadable unless its kind is READABLE."""
    if view.dtype.kind in READABLE:
        return MappedArray(path, view, start)
    return UnreadableArray(path, key, str(view.dtype), view.shape)
