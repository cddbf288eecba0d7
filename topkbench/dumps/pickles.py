"""Plain pickles of protocol 2 to 5 that hold NumPy arrays or torch tensors."""

from pathlib import Path

from topkbench.dumps import torch_legacy
from topkbench.dumps.arrays import Dump
from topkbench.dumps.globals import STAND_INS
from topkbench.dumps.torch_globals import Storage
from topkbench.dumps.tree import collect
from topkbench.dumps.unpickler import Call, Unpickler
from topkbench.errors import DataError


def is_pickle(head: bytes) -> bool:
    """Whether a file starts with PROTO and a protocol from 2 to 5."""
    return head[:1] == b"\x80" and head[1:2] in {b"\2", b"\3", b"\4", b"\5"}


def read(path: Path, data: memoryview) -> Dump:
    """The dump in a file.

    Raises:
        DataError: The file is damaged or cut short, or holds more than one pickle.
        UnsafeInputError: It would execute something.
    """
    unpickler = Unpickler(data, {**STAND_INS, ("torch.storage", "_load_from_bytes"): Call(_load_from_bytes)})
    root = unpickler.load()
    if rest := len(data) - unpickler.position:
        raise DataError(f"{rest:,} bytes follow the pickle; save one dict in one pickle")
    return collect(path, "pickle", root)


def _load_from_bytes(data: object) -> Storage:
    """A tensor in a plain pickle carries its storage as a torch legacy file, which nests no further."""
    storage = torch_legacy.load(data) if isinstance(data, memoryview) else None
    if not isinstance(storage, Storage):
        raise DataError("a tensor's bytes hold no storage; save it with torch.save")
    return storage
