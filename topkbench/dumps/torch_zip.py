"""Torch files since 1.6: a zip archive of data.pkl and one uncompressed, mapped member a storage."""

from pathlib import Path

from topkbench.dumps.arrays import Dump
from topkbench.dumps.globals import STAND_INS
from topkbench.dumps.mapped import cut
from topkbench.dumps.torch_globals import Storage, storage_of
from topkbench.dumps.tree import collect
from topkbench.dumps.unpickler import Unpickler
from topkbench.dumps.zips import Members
from topkbench.errors import DataError

PICKLE = "data.pkl"


def is_torch_zip(members: Members) -> bool:
    """Whether an archive has a data.pkl in its one folder."""
    return any(name.rpartition("/")[2] == PICKLE for name in members.infos)


def read(path: Path, members: Members) -> Dump:
    """The dump in an archive.

    Raises:
        DataError: The archive is damaged, or a tensor does not fit its storage.
        UnsafeInputError: Its pickle would execute something, or a member is compressed.
    """
    pickles = [name for name in members.infos if name.rpartition("/")[2] == PICKLE]
    if len(pickles) > 1:
        raise DataError(f"{len(pickles)} members are named {PICKLE}; save it again with torch.save")
    prefix = pickles[0].removesuffix(PICKLE)
    order = f"{prefix}byteorder"
    big_endian = order in members.infos and bytes(members.stored(order)) == b"big"

    def storage(pid: object) -> Storage:
        found = storage_of(pid)
        found.data = cut(members.stored(f"{prefix}data/{found.key}"), 0, found.size)
        found.big_endian = big_endian
        return found

    return collect(path, "torch zip", Unpickler(members.stored(pickles[0]), STAND_INS, storage).load())
