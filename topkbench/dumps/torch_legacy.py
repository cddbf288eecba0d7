"""Torch files before 1.6: a magic number, a version, the machine's description, the pickle, the storages."""

from pathlib import Path

from topkbench.dumps.arrays import Dump
from topkbench.dumps.globals import STAND_INS
from topkbench.dumps.mapped import cut
from topkbench.dumps.torch_globals import Storage, storage_of
from topkbench.dumps.tree import collect, text
from topkbench.dumps.unpickler import Unpickler
from topkbench.errors import DataError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
MAGIC = b"\x8a\x0a" + MAGIC_NUMBER.to_bytes(10, "little") + b"."  # as LONG1 and STOP: in every protocol alike
VERSION = 1001


def is_torch_legacy(head: bytes) -> bool:
    """Whether a file starts with the pickled magic number; protocol 4 puts a frame's length before it."""
    return head[:1] == b"\x80" and MAGIC in head[:32]


def read(path: Path, data: memoryview) -> Dump:
    """The dump in a file.

    Raises:
        DataError: The file is damaged or cut short.
        UnsafeInputError: Its pickle would execute something.
    """
    return collect(path, "torch legacy", load(data))


def load(data: memoryview) -> object:
    """What torch.save saved, with tensors as leaves."""
    magic, data = _next(data)
    version, data = _next(data)
    _, data = _next(data)  # byte order and sizes of the machine: torch itself ignores them, data are little-endian
    if (magic, version) != (MAGIC_NUMBER, VERSION):
        raise DataError("the magic number or the version is not torch's; the file is damaged")
    storages: dict[str, Storage] = {}
    unpickler = Unpickler(data, STAND_INS, lambda pid: _known(storages, storage_of(pid)))
    root = unpickler.load()
    keys, data = _next(data[unpickler.position :])
    _fill(storages, keys, data)
    return root


def _next(data: memoryview) -> tuple[object, memoryview]:
    """The first pickle and what follows it."""
    unpickler = Unpickler(data, STAND_INS)
    return unpickler.load(), data[unpickler.position :]


def _known(storages: dict[str, Storage], storage: Storage) -> Storage:
    """The storage of that key, one for all tensors that share it."""
    first = storages.setdefault(storage.key, storage)
    if (first.type_name, first.count) != (storage.type_name, storage.count):
        raise DataError(f"the storage {storage.key[:40]!r} has two types or sizes; the file is damaged")
    return first


def _fill(storages: dict[str, Storage], keys: object, data: memoryview) -> None:
    """Storages follow one another: a count of elements as int64, then the elements."""
    if not isinstance(keys, list) or len(keys) != len(storages):
        raise DataError("the list of storages does not match the tensors; the file is damaged")
    for key in map(text, keys):
        storage = storages[key]
        count = int.from_bytes(cut(data, 0, 8), "little")
        if count != storage.count:
            raise DataError(
                f"the storage {key[:40]!r} has {count:,} elements, not {storage.count:,}; the file is damaged"
            )
        storage.data = cut(data, 8, storage.size)
        data = data[8 + storage.size :]
