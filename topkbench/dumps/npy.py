"""NumPy's .npy: a header, parsed by NumPy's own safe functions, and the bytes of one array."""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from topkbench.dumps.arrays import Array, Dump
from topkbench.dumps.mapped import as_array, lay, offset_of
from topkbench.dumps.numpy_globals import OBJECTS
from topkbench.dumps.tree import sort_out
from topkbench.errors import DataError, UnsafeInputError

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000  # what NumPy itself thinks safe


@dataclass(frozen=True)
class Header:
    """What a .npy says of its array, and how many bytes it took to say it."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    size: int

    @property
    def total(self) -> int:
        """Bytes of header and array together."""
        return self.size + math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """Read the header and leave the file at the array's first byte.

    Raises:
        DataError: A version that NumPy writes for names of fields alone.
        UnsafeInputError: An array of objects, which would be a pickle.
    """
    version = np.lib.format.read_magic(file)
    if version not in {(1, 0), (2, 0)}:
        raise DataError(f"version {version} of .npy is for structured arrays; save each field as an array of its own")
    parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = parse(file, max_header_size=MAX_HEADER)
    if dtype.hasobject:
        raise UnsafeInputError(OBJECTS)
    return Header(shape, fortran, dtype, file.tell())


def open_array(path: Path, key: str, data: memoryview) -> Array:
    """The array in the bytes of a whole .npy.

    Raises:
        DataError: The header is damaged, or its shape does not fit the bytes.
        UnsafeInputError: An array of objects.
    """
    header = read_header(io.BytesIO(data[: 2 * MAX_HEADER]))
    body = data[header.size :]
    return as_array(path, key, lay(body, header.dtype, header.shape, fortran=header.fortran), offset_of(body))


def read(path: Path, data: memoryview) -> Dump:
    """The dump in a file: one array, whose key is the file's stem.

    Raises:
        DataError: The file is damaged or cut short.
        UnsafeInputError: An array of objects.
    """
    return sort_out(path, "npy", [(path.stem, open_array(path, path.stem, data))])
