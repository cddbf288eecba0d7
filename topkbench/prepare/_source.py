"""The source files' sha256, taken in step with the copy, so that each byte is fetched from the disk once."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_BUFFER = 2**20  # stays in the processor's cache between reading and hashing


class Hashes:
    """Hashes files from their start to their end, as far as it is asked to."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = {path: path.open("rb", buffering=0) for path in paths}
        self._digests = {path: hashlib.sha256() for path in paths}
        self._buffer = memoryview(bytearray(_BUFFER))

    def advance(self, path: Path, end: int) -> None:
        """Hash a file up to byte `end`."""
        file, digest = self._files[path], self._digests[path]
        while (missing := end - file.tell()) > 0:
            count = file.readinto(self._buffer[:missing])
            if not count:  # the file got shorter; the copy will tell
                return
            digest.update(self._buffer[:count])

    def take(self, path: Path, start: int, data: memoryview) -> None:
        """Hash a file up to the end of `data`, which lie at `start` in it and are in memory already."""
        self.advance(path, start)
        if self._files[path].tell() == start:
            self._digests[path].update(data)
            self._files[path].seek(start + len(data))
        self.advance(path, start + len(data))  # what overlaps was hashed before: read on from there

    def finish(self) -> dict[Path, str]:
        """Hash what is left of each file, and give the digests in hexadecimal."""
        for path in self._files:
            self.advance(path, path.stat().st_size)
        return {path: digest.hexdigest() for path, digest in self._digests.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
