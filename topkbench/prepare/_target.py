"""The file that is being written: NAME.h5.partial, ours alone, until it is whole and becomes NAME.h5."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topkbench.errors import DataError, UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SLACK = 2**20  # HDF5's own pages, and class lists


@contextmanager
def partial(out: Path, size: int) -> Iterator[Path]:
    """Lend a file to write; if the block ends well it is flushed to disk and renamed to `out`, else removed.

    What a killed process leaves behind bears the partial name; the next one writes over it.

    Args:
        out: What it is to become; replaced at the rename, not before.
        size: Bytes that will be written, for which there must be room.

    Raises:
        UsageError: Another process is writing it, or the folder cannot be written to.
        DataError: The disk has no room for it, or ran full.
    """
    path = out.with_name(out.name + ".partial")
    lock = _lock(path)
    try:
        os.ftruncate(lock, 0)  # what a killed process left takes no room
        _check_room(out, size)
        yield path
        os.fsync(lock)
        path.replace(out)
        _flush_folder(out.parent)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and _is_full(error):
            raise DataError(
                f"no space left on the disk of {out}; make room, or name another disk with --out"
            ) from error
        raise
    finally:
        os.close(lock)


def _lock(path: Path) -> int:
    """Open the file and lock it while it stays open; the kernel frees the lock of a killed process."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another file with --out") from error
    if _is_locked(file) or not _is_at(file, path):
        os.close(file)
        raise UsageError(f"another prepare is writing {path}; wait for it, or name another file with --out")
    return file


def _is_locked(file: int) -> bool:
    """Take the lock, or tell that someone has it; on a disk without locks everyone gets it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    return False


def _is_at(file: int, path: Path) -> bool:
    """Tell whether the path still names the file: its last owner may have just renamed it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _check_room(out: Path, size: int) -> None:
    free = shutil.disk_usage(out.parent).free
    if size + _SLACK > free:
        raise DataError(
            f"{out} needs {size / 1e6:,.1f} MB and its disk has {free / 1e6:,.1f} MB free; "
            f"make room, or name another disk with --out"
        )


def _is_full(error: OSError) -> bool:
    return error.errno in _FULL or f"errno = {errno.ENOSPC}" in str(error)  # the second is how HDF5 tells it


def _flush_folder(folder: Path) -> None:
    """Make the rename last: a name is kept in its folder, and flushed with it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
