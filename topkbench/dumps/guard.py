"""Where errors become topkbench's own: whatever a damaged or hostile file makes a reader stumble over."""

import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from topkbench.errors import DataError, TopkbenchError, UnsafeInputError

MIB = 2**20

# What parsers raise on bytes that are not what they claim to be. A bug of ours would look the same, and is
# then blamed on the file: the traceback, chained, tells them apart.
STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # RecursionError and NotImplementedError are among them
    SyntaxError,
    SystemError,  # h5py, of links whose names are not UTF-8
    TypeError,
    ValueError,  # UnicodeError and json.JSONDecodeError are among them
    pickle.PickleError,
    struct.error,
    tokenize.TokenError,  # NumPy tokenizes the headers of Python 2
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def guard(subject: object) -> Iterator[None]:
    """Put `subject` in front of every error that leaves the block, and let only topkbench's own leave it.

    Raises:
        TopkbenchError: The kind that was raised inside, with its message after the subject.
        DataError: Anything else that a file can provoke.
    """
    try:
        yield
    except TopkbenchError as error:
        raise type(error)(f"{subject}: {error}") from error
    except STUMBLES as error:
        reason = " ".join(f"{type(error).__name__}: {error}"[:200].split())
        raise DataError(f"{subject}: damaged ({reason}); copy, download or save it again") from error


def refuse_bomb(packed: int, unpacked: int) -> None:
    """Refuse what grows by more than 100 times to more than 16 MiB: no real embeddings compress like that.

    Raises:
        UnsafeInputError: It does.
    """
    if unpacked > max(100 * packed, 16 * MIB):
        raise UnsafeInputError(
            f"{packed:,} bytes unpack to {unpacked:,}, a decompression bomb; save it again uncompressed"
        )
