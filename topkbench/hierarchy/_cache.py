"""Distances kept beside the store that they are of: built once, read by every later run.

Nothing depends on it: whatever is wrong with the file, or with its folder, the distances are built anew.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]

ENDING = ".hierarchy.npz"
"""What follows the store's name; no file with this ending is a dump."""


def kept(beside: Path, checksum: str, build: Callable[[], AnyArray]) -> AnyArray:
    """Read distances from the file beside a store, or build them and try to write it.

    Args:
        beside: The store, NAME.h5; the file is NAME.hierarchy.npz.
        checksum: Of what the distances follow from; a file with another is replaced.
        build: Computes them.
    """
    path = beside.with_name(beside.stem + ENDING)
    distances = _read(path, checksum)
    if distances is None:
        distances = build()
        with contextlib.suppress(OSError):  # a folder that is read-only, a full disk
            _write(path, checksum, distances)
    return distances


def _read(path: Path, checksum: str) -> AnyArray | None:
    try:
        with ZipFile(path) as file:
            return _member(file, "distances") if str(_member(file, "checksum")) == checksum else None
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, BadZipFile, zlib.error, struct.error):
        return None  # missing, torn or foreign


def _member(file: ZipFile, name: str) -> AnyArray:
    """One array of an .npz, read to its end, where its checksum is compared; np.load may stop short of that."""
    array: AnyArray = np.load(BytesIO(file.read(f"{name}.npy")), allow_pickle=False)
    return array


def _write(path: Path, checksum: str, distances: AnyArray) -> None:
    """Write under a name of one's own, then rename: whoever reads meanwhile finds a whole file or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            np.savez(file, checksum=np.array(checksum), distances=distances)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
