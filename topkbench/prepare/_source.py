"""The source files' sha256, taken in step with the copy, so that each byte is fetched from the disk once."""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

_BUFFER = 2**20  # stays in the processor's cache between reading and hashing
_LAG = 128  # requests that may wait


class Hashes:
    """Hashes files on a thread of its own, up to where the copy has come: those bytes are still in memory.

    Left to run free, it would be so far ahead on a dump larger than memory that both had to read from disk.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = {path: path.open("rb", buffering=0) for path in paths}
        self._digests = {path: hashlib.sha256() for path in paths}
        self._buffer = memoryview(bytearray(_BUFFER))
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def follow(self, path: Path, end: int) -> None:
        """Hash a file up to byte `end`, in the background; waits only where the hash lags far behind."""
        self._waiting.append(self._thread.submit(self._advance, path, end))
        self._settle(_LAG)

    def finish(self) -> dict[Path, str]:
        """Hash what is left of each file, and give the digests in hexadecimal."""
        for path in self._files:
            self.follow(path, path.stat().st_size)
        self._settle(0)
        return {path: digest.hexdigest() for path, digest in self._digests.items()}

    def _settle(self, most: int) -> None:
        """Wait until at most so many requests are left; an error of the thread surfaces here."""
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def _advance(self, path: Path, end: int) -> None:
        file, digest = self._files[path], self._digests[path]
        while (missing := end - file.tell()) > 0:
            count = file.readinto(self._buffer[:missing])
            if not count:  # the file got shorter; the copy will tell
                return
            digest.update(self._buffer[:count])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
        for file in self._files.values():
            file.close()


def combined(digests: Mapping[Path, str]) -> str:
    """Give one sha256 for a set of files: one file's own, else that of the lines `NAME<tab>SHA256`, sorted.

    Names are without folders: moving the set changes nothing.
    """
    if len(digests) == 1:
        return next(iter(digests.values()))
    lines = sorted(f"{path.name}\t{digest}\n" for path, digest in digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
