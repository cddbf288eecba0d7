"""NumPy's .npz: a zip archive of .npy members, mapped where stored, decoded in passing where deflated."""

import math
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from topkbench.dumps.arrays import AnyArray, Array, Dump
from topkbench.dumps.guard import MIB, guard, refuse_bomb
from topkbench.dumps.mapped import READABLE, MappedArray, UnreadableArray, lay, map_file
from topkbench.dumps.npy import Header, open_array, read_header
from topkbench.dumps.tree import sort_out
from topkbench.dumps.zips import Members
from topkbench.errors import DataError

SUFFIX = ".npy"


def is_npz(members: Members) -> bool:
    """Whether an archive holds .npy members alone."""
    return bool(members.infos) and all(name.endswith(SUFFIX) for name in members.infos)


def read(path: Path, members: Members) -> Dump:
    """The dump in an archive.

    Raises:
        DataError: The archive is damaged, or a member's shape does not fit its bytes.
        UnsafeInputError: A member holds objects, or is a decompression bomb.
    """
    keys = [name.removesuffix(SUFFIX) for name in members.infos]
    return sort_out(path, "npz", ((key, _open(path, members, key)) for key in keys))


def _open(path: Path, members: Members, key: str) -> Array:
    with guard(repr(key)):
        if members.is_stored(key + SUFFIX):
            return open_array(path, key, members.stored(key + SUFFIX))
        return _open_deflated(path, key, members.infos[key + SUFFIX])


def _open_deflated(path: Path, key: str, info: zipfile.ZipInfo) -> Array:
    with zipfile.ZipFile(path) as archive, archive.open(info) as file:
        header = read_header(file)
    if header.total != info.file_size:
        raise DataError(f"shape {header.shape} of {header.dtype} needs {header.total:,} bytes, not {info.file_size:,}")
    if len(header.shape) != 1 or header.dtype.kind not in "biuf":  # sorted labels compress a thousandfold
        refuse_bomb(info.compress_size, info.file_size)
    if header.dtype.kind not in READABLE:
        return UnreadableArray(path, key, str(header.dtype), header.shape)
    return DeflatedArray(path, info.filename, header)


@dataclass(frozen=True, eq=False)
class DeflatedArray:
    """A deflated member: each pass over its blocks decodes it anew, and checks its checksum at the end."""

    path: Path
    member: str
    header: Header
    offset: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return self.header.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """As it is in the file, byte order included."""
        return self.header.dtype

    def blocks(self, rows: int) -> Iterator[AnyArray]:
        """Yield blocks of at most `rows` rows, decoded one at a time.

        Raises:
            DataError: The data end early, or their checksum is wrong.
        """
        with (
            guard(f"{self.path}: {self.member!r}"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.member) as file,
        ):
            read_header(file)
            yield from self._columns(file, rows) if self.header.fortran else self._rows(file, rows)

    def _rows(self, file: IO[bytes], rows: int) -> Iterator[AnyArray]:
        row_shape = self.shape[1:]
        for start in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - start)
            size = count * math.prod(row_shape) * self.dtype.itemsize
            yield np.frombuffer(file.read(size), self.dtype).reshape(count, *row_shape)

    def _columns(self, file: IO[bytes], rows: int) -> Iterator[AnyArray]:
        """Fortran order: the first row is complete with the last column, so all are decoded to disk first."""
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(file, spool, MIB)
            spool.flush()
            view = lay(map_file(spool), self.dtype, self.shape, fortran=True)
            yield from MappedArray(self.path, view).blocks(rows)
