"""The process's memory: keep what a step frees for the next, tell how much was held, and that it has run out."""

import ctypes
import platform
import resource
import sys

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 256 * 2**20  # bytes at the end of the heap
_TOLD = ("can't allocate memory", "not enough memory", "out of memory")
_LARGEST = 32 * 2**20  # bytes of one block: glibc takes no more


def keep_freed_memory() -> None:
    """Tell glibc to return less of what is freed to the system; elsewhere do nothing.

    By default a step's arrays of some megabytes go back to the system at its end, and the next step waits for the
    kernel to clear them again: about 500 page faults, or a millisecond of 17, with 1000 classes and a batch of 500.
    It holds for the whole process, which then keeps up to 256 MiB more.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)


def most_held() -> int:
    """The most bytes of memory that this process has held so far, pages of mapped files among them."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation has failed; torch has no kind of its own for it on the CPU, nor for all on a GPU."""
    named = type(error).__name__ == "OutOfMemoryError"  # torch's, which need not be imported to be told
    return named or isinstance(error, MemoryError) or any(words in str(error) for words in _TOLD)
