"""HDF5 files of others: contiguous datasets are mapped, the rest is read in blocks of rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from topkbench.dumps.arrays import AnyArray, Array, Dump
from topkbench.dumps.guard import MIB, guard, refuse_bomb
from topkbench.dumps.mapped import READABLE, MappedArray, UnreadableArray, cut, lay
from topkbench.dumps.tree import MAX_STRINGS, sort_out
from topkbench.errors import DataError, UnsafeInputError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_CHUNK = 256 * MIB  # HDF5 decodes whole chunks


def is_hdf5(data: memoryview) -> bool:
    """Whether the signature stands at byte 0, or behind a block of the user's of 512, 1024, 2048, … bytes."""
    return any(data[start : start + 8] == SIGNATURE for start in (0, *(2**power for power in range(9, 32))))


def read(path: Path, data: memoryview) -> Dump:
    """The dump in a file.

    Raises:
        DataError: The file is damaged or cut short.
        UnsafeInputError: It points to other files, or holds a decompression bomb.
    """
    with _open(path) as file:
        return sort_out(path, "hdf5", list(_items(path, file, data)))


def _open(path: Path) -> h5py.File:
    return h5py.File(path, "r", locking="best-effort")


def _items(path: Path, file: h5py.File, data: memoryview) -> Iterator[tuple[str, Array | list[str]]]:
    links: list[tuple[str, object]] = []
    file.visititems_links(lambda name, link: links.append((name, link)))
    for key, link in links:
        with guard(repr(key)):
            if isinstance(link, h5py.ExternalLink):
                raise UnsafeInputError("a link to another file; copy the dataset into this one")
            # A soft link's target is listed under its own name.
            if isinstance(link, h5py.HardLink) and isinstance(file[key], h5py.Dataset):
                yield from _item(path, key, file[key], data)


def _item(path: Path, key: str, dataset: h5py.Dataset, data: memoryview) -> Iterator[tuple[str, Array | list[str]]]:
    if dataset.is_virtual or dataset.external:
        raise UnsafeInputError("its data lie in other files; copy them into this one")
    if dataset.shape is None:
        return
    dtype = _dtype(dataset)
    if h5py.check_string_dtype(dtype) and dtype.kind == "O":
        if dataset.ndim == 1 and dataset.size <= MAX_STRINGS:
            refuse_bomb(dataset.id.get_storage_size(), dataset.size * dtype.itemsize)
            yield key, [str(value) for value in dataset.asstr(errors="replace")[:]]
    elif dtype.kind not in READABLE:
        yield key, UnreadableArray(path, key, str(dtype), dataset.shape)
    else:
        yield key, _map(path, dataset, data) or _Chunks.of(path, key, dataset)


def _dtype(dataset: h5py.Dataset) -> np.dtype[Any]:
    """NumPy's dtype, opaque where there is none."""
    try:
        dtype: np.dtype[Any] = dataset.dtype
    except TypeError:
        return np.dtype(np.void)
    return dtype


def _map(path: Path, dataset: h5py.Dataset, data: memoryview) -> MappedArray | None:
    """The dataset as a view, if it lies in one piece, bit for bit as NumPy has it."""
    start = dataset.id.get_offset()
    if start is None or h5py.h5t.py_create(dataset.dtype) != dataset.id.get_type():
        return None
    return MappedArray(path, lay(cut(data, start, dataset.nbytes), dataset.dtype, dataset.shape), start)


@dataclass(frozen=True, eq=False)
class _Chunks:
    """A dataset that HDF5 must decode; the file is opened for each pass over it."""

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: None = None

    @classmethod
    def of(cls, path: Path, key: str, dataset: h5py.Dataset) -> "_Chunks":
        chunk = math.prod(dataset.chunks or (0,)) * dataset.dtype.itemsize
        if chunk > MAX_CHUNK:
            raise DataError(f"chunks of {chunk:,} bytes do not fit in memory; save it with smaller chunks or none")
        refuse_bomb(dataset.id.get_storage_size(), dataset.nbytes)
        return cls(path, key, dataset.shape, dataset.dtype)

    def blocks(self, rows: int) -> Iterator[AnyArray]:
        """Yield blocks of at most `rows` rows.

        Raises:
            DataError: A chunk is damaged, or its filter is not installed.
        """
        with guard(f"{self.path}: {self.key!r}"), _open(self.path) as file:
            for start in range(0, self.shape[0], rows):
                yield file[self.key][start : start + rows]
