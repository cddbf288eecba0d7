"""Zip archives, whose directory is checked against the file before anything in it is believed."""

import zipfile
from pathlib import Path

from topkbench.dumps.mapped import cut
from topkbench.errors import DataError, UnsafeInputError

LOCAL_HEADER = 30  # bytes; the name and an extra field follow


class Members:
    """The members of an archive by name, none overlapping another, each wholly in the file.

    Raises:
        DataError: The directory is damaged or contradicts the file.
        UnsafeInputError: Members overlap or share a name, as only bombs and forgeries do, or are encrypted.
    """

    def __init__(self, path: Path, data: memoryview) -> None:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
        self.data = data
        self.infos = {info.filename: info for info in infos}
        if len(self.infos) < len(infos):
            raise UnsafeInputError("two members have one name; save it again")
        end = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise UnsafeInputError(f"the member {info.filename!r} overlaps another; save it again")
            end = self._start(info) + info.compress_size
            cut(data, info.header_offset, end - info.header_offset)
            if info.flag_bits & 1:
                raise UnsafeInputError(f"the member {info.filename!r} is encrypted; save it again unencrypted")

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Where a member's bytes start: its local header gives the lengths of its name and extra field."""
        header = bytes(cut(self.data, info.header_offset, LOCAL_HEADER))
        if header[:4] != b"PK\3\4":
            raise DataError(f"the member {info.filename!r} is not where the directory says; the file is damaged")
        return info.header_offset + LOCAL_HEADER + sum(int.from_bytes(header[i : i + 2], "little") for i in (26, 28))

    def is_stored(self, name: str) -> bool:
        """Whether a member lies in the file as it is, uncompressed."""
        return self.infos[name].compress_type == zipfile.ZIP_STORED

    def stored(self, name: str) -> memoryview:
        """The bytes of a member that is not compressed.

        Raises:
            DataError: There is no such member, or its two sizes differ.
            UnsafeInputError: It is compressed.
        """
        if name not in self.infos:
            raise DataError(f"the member {name[:100]!r} is missing; the file is damaged")
        info = self.infos[name]
        if not self.is_stored(name):
            raise UnsafeInputError(
                f"the member {name!r} is compressed, as torch never does; save it again with torch.save"
            )
        if info.compress_size != info.file_size:
            raise DataError(f"the member {name!r} is {info.compress_size:,} bytes, not {info.file_size:,}; damaged")
        return cut(self.data, self._start(info), info.file_size)
