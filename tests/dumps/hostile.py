"""Files that attack their reader: each case writes one, and says how `dumps.read` must refuse it.

A command in them touches `canary` beside the file: where that appears, something was executed.
"""

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import torch

from topkbench.errors import DataError, TopkbenchError, UnsafeInputError, UsageError

Case = tuple[str, Callable[[Path], object], type[TopkbenchError]]
MAGIC, VERSION, MACHINE = (pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))


def cases() -> Iterator[Case]:
    """Every case: its name, what writes it to a path, the error it must raise."""
    for name, body in CALLS.items():
        yield f"pickle: {name}", _bytes(body), UnsafeInputError
        yield f"torch zip: {name}", _torch_zip(body), UnsafeInputError
        yield f"torch legacy: {name}", _legacy(body), UnsafeInputError
        yield f"nested: {name}", _nested(body), UnsafeInputError
    for name, body in FORBIDDEN.items():
        yield f"pickle: {name}", _bytes(body), UnsafeInputError
    for name, body in DAMAGED.items():
        yield f"pickle: {name}", _bytes(body), DataError
    yield from ((name, write, UnsafeInputError) for name, write in REFUSED.items())
    yield from ((name, write, DataError) for name, write in CONTRADICTORY.items())
    yield from ((name, write, UsageError) for name, write in UNKNOWN.items())


def _text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def _short(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def _global(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def _stack_global(module: str, name: str) -> bytes:
    return _short(module) + _short(name) + b"\x93"


CANARY = "@" * 200  # stands for the command: of one length, so that no frame or length changes
COMMAND = _text(CANARY)
SYSTEM = _global("os", "system")
ARRAY = _global("numpy.core.multiarray", "_reconstruct") + _global("numpy", "ndarray") + b"K\0\x85C\1b\x87R"

# Every way in which a pickle calls something.
CALLS = {
    "GLOBAL and REDUCE": b"\x80\2" + SYSTEM + COMMAND + b"\x85R.",
    "STACK_GLOBAL and REDUCE": b"\x80\4" + _stack_global("os", "system") + COMMAND + b"\x85R.",
    "STACK_GLOBAL of posix": b"\x80\4" + _stack_global("posix", "system") + COMMAND + b"\x85R.",
    "INST": b"\x80\2(" + COMMAND + b"ios\nsystem\n.",
    "OBJ": b"\x80\2(" + SYSTEM + COMMAND + b"o.",
    "NEWOBJ": b"\x80\2" + _global("subprocess", "Popen") + COMMAND + b"\x85\x81.",
    "NEWOBJ_EX": b"\x80\4" + _stack_global("subprocess", "Popen") + COMMAND + b"\x85}\x92.",
    "BUILD with __setstate__": b"\x80\2" + ARRAY + b"}" + _text("__setstate__") + SYSTEM + b"sb" + COMMAND + b"b.",
    "EXT1": b"\x80\2\x82\1" + COMMAND + b"\x85R.",
    "EXT2": b"\x80\2\x83\1\0" + COMMAND + b"\x85R.",
    "EXT4": b"\x80\2\x84\1\0\0\0" + COMMAND + b"\x85R.",
    "eval": b"\x80\2" + _global("builtins", "eval") + COMMAND + b"\x85R.",
    "exec of Python 2": b"\x80\2" + _global("__builtin__", "exec") + COMMAND + b"\x85R.",
    "a pickle in a pickle": b"\x80\2" + _global("pickle", "loads") + COMMAND + b"\x85R.",
    "torch.load": b"\x80\2" + _global("torch", "load") + COMMAND + b"\x85R.",
    "a runner inside numpy": b"\x80\2" + _global("numpy.testing._private.utils", "runstring") + COMMAND + b"}\x86R.",
    "a runner inside torch": b"\x80\2" + _global("torch.distributed.elastic.rendezvous", "os") + COMMAND + b"\x85R.",
    "a dotted name": b"\x80\4" + _stack_global("numpy", "dtype.__class__.__base__") + COMMAND + b"\x85R.",
    "a dotted name of torch": b"\x80\4" + _stack_global("torch._utils", "_rebuild_tensor_v2.__globals__") + b".",
}

FORBIDDEN = {
    "text PERSID": b"\x80\2Pabc\n.",
    "BINPERSID outside torch": b"\x80\2K\1Q.",
    "NEXT_BUFFER": b"\x80\5\x97.",
    "READONLY_BUFFER": b"\x80\5C\1a\x98.",
    "text INT": b"\x80\2I1\n.",
    "text STRING": b"\x80\2S'a'\n.",
    "text UNICODE": b"\x80\2Va\n.",
    "text GET": b"\x80\2g0\n.",
    "LONG4": b"\x80\2\x8b\xff\xff\xff\x7f.",
    "REDUCE of a dtype": b"\x80\2" + _global("torch", "FloatStorage") + b")R.",
    "REDUCE of a string": b"\x80\2" + _text("system") + COMMAND + b"\x85R.",
    "REDUCE without a tuple": b"\x80\2" + _global("numpy", "dtype") + _text("f4") + b"R.",
    "BUILD of a dict": b"\x80\2}}b.",
    "BUILD of a function": b"\x80\2" + _global("numpy", "dtype") + b"}b.",
    "a codec that runs": b"\x80\2" + _global("_codecs", "encode") + _text("a") + _text("zip") + b"\x86R.",
    "bytes from nowhere": (
        b"\x80\2]" + _global("_codecs", "encode") + _text("a" * 50) + _text("latin1") + b"\x86q\0" + b"R0"
        + (_global("_codecs", "encode") + b"h\0R0") * 40 + b"."
    ),
    "a dtype of objects": b"\x80\2" + _global("numpy", "dtype") + _text("O8") + b"\x89\x88\x87R.",
    "an array of objects": pickle.dumps({"x": np.array([{}], dtype=object)}, 4),
    "an array of objects, protocol 2": pickle.dumps({"x": np.array([None, "a"], dtype=object)}, 2),
}  # fmt: skip


def _huge(shape: bytes) -> bytes:
    """An array of 4 bytes that says it has another shape."""
    dtype = _global("numpy", "dtype") + _text("f4") + b"\x89\x88\x87R"
    return b"\x80\2" + ARRAY + b"(K\1" + shape + dtype + b"\x89C\4aaaatb."


def _laughs(levels: int) -> bytes:
    """A list of ten times a list of ten times a list …"""
    return b"\x80\2]q\0" + b"".join(b"](" + bytes([104, i]) * 10 + b"eq" + bytes([i + 1]) for i in range(levels)) + b"."


DAMAGED = {
    "a shape of a petabyte": _huge(b"\x8a\7" + (10**15).to_bytes(7, "little") + b"\x85"),
    "a shape that overflows": _huge(b"\x8a\x08" + (2**62).to_bytes(8, "little") + b"K\4\x86"),
    "a negative shape": _huge(b"J" + (-1).to_bytes(4, "little", signed=True) + b"\x85"),
    "a shape of text": _huge(_text("a") + b"\x85"),
    "a shape of 40 dimensions": _huge(b"(" + b"K\1" * 40 + b"t"),
    "an array never filled": b"\x80\2" + ARRAY + b".",
    "lists without end": b"\x80\2" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "tuples without end as a key": b"\x80\2})" + b"\x85" * 300_000 + b"K\1s.",
    "a tuple that takes forever to hash": b"\x80\2})" + b"2\x86" * 100 + b"K\1s.",
    "a list in itself": b"\x80\2]q\0h\0a.",
    "a billion laughs": _laughs(12),
    "a billion shallow laughs": _laughs(30),
    "a memo of nothing": b"\x80\2h\7.",
    "an empty stack": b"\x80\2\x86.",
    "REDUCE of an empty stack": b"\x80\2R.",
    "BUILD of an empty stack": b"\x80\2b.",
    "SETITEMS without a mark": b"\x80\2u.",
    "SETITEMS of an odd number": b"\x80\2}(K\1u.",
    "APPEND to a number": b"\x80\2K\1K\1a.",
    "no STOP": b"\x80\2}",
    "an opcode that is none": b"\x80\2\xff.",
    "text that is not UTF-8": b"\x80\2X\2\0\0\0\xff\xff.",
    "a string longer than the file": b"\x80\4\x8d" + (2**60).to_bytes(8, "little") + b"a.",
    "bytes longer than the file": b"\x80\4\x8e" + (2**63 - 1).to_bytes(8, "little") + b"a.",
    "a bytearray longer than the file": b"\x80\5\x96" + (2**64 - 1).to_bytes(8, "little") + b"a.",
    "a frame longer than the file": b"\x80\4\x95" + (2**64 - 1).to_bytes(8, "little") + b"N.",
    "a global without an end": b"\x80\2c" + b"a" * 10_000,
    "a global that is not text": b"\x80\4K\1K\2\x93.",
    "two pickles": b"\x80\2}.\x80\2}.",
    "a tensor of nothing": b"\x80\2" + _global("torch._utils", "_rebuild_tensor_v2") + b")R.",
}  # fmt: skip


def _bytes(body: bytes) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.write_bytes(_armed(body, path))

    return write


def _armed(body: bytes, path: Path) -> bytes:
    """The body with the command in place of the canary's."""
    return body.replace(CANARY.encode(), f"touch {path.parent}/canary".ljust(len(CANARY)).encode())


def _torch_zip(body: bytes, **members: bytes) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", _armed(body, path))
            for name, data in members.items():
                archive.writestr(f"archive/data/{name}", data)

    return write


def _legacy(body: bytes) -> Callable[[Path], object]:
    return _bytes(MAGIC + VERSION + MACHINE + body + pickle.dumps([], 2))


def _nested(body: bytes) -> Callable[[Path], object]:
    """A plain pickle of a tensor, whose storage is a hostile legacy file."""
    inner = MAGIC + VERSION + MACHINE + body
    payload = b"B" + len(inner).to_bytes(4, "little") + inner
    return _bytes(b"\x80\3" + _global("torch.storage", "_load_from_bytes") + payload + b"\x85R.")


def _tensor(size: bytes, stride: bytes, offset: bytes = b"K\0", count: bytes = b"K\4") -> bytes:
    """data.pkl of one tensor on a float32 storage `0`."""
    storage = b"(" + _text("storage") + _global("torch", "FloatStorage") + _text("0") + _text("cpu") + count + b"tQ"
    return (
        b"\x80\2}" + _text("x") + _global("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + offset
        + size + stride + b"\x89}tRs."
    )  # fmt: skip


LARGE = b"\x8a\x06" + (2**40).to_bytes(6, "little")
FOUR = {"0": bytes(16)}


def _npy(header: str, body: bytes = b"") -> Callable[[Path], object]:
    text = header.encode() + b"\n"
    return _bytes(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + body)


def _safetensors(header: object, body: bytes = b"") -> Callable[[Path], object]:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return _bytes(len(text).to_bytes(8, "little") + text + body)


def _entry(shape: list[int], start: int, stop: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def _deflated(path: Path) -> None:
    """A torch file, compressed by hand."""
    torch.save({"x": torch.zeros(1000)}, path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED)


def _overlapping(path: Path) -> None:
    """Both entries of the directory point to the first member, as in Fifield's bomb."""
    np.savez(path.open("wb"), x=np.zeros(8), y=np.zeros(8))
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\1\2")
    data[second + 42 : second + 46] = bytes(4)
    path.write_bytes(data)


def _patched(offset: int, value: int, size: int = 4) -> Callable[[Path], object]:
    """An .npz of one stored member whose directory entry says something else."""

    def write(path: Path) -> None:
        np.savez(path.open("wb"), x=np.zeros(8))
        data = bytearray(path.read_bytes())
        entry = data.rindex(b"PK\1\2")
        data[entry + offset : entry + offset + size] = value.to_bytes(size, "little")
        path.write_bytes(data)

    return write


def _lying_npy(path: Path) -> None:
    """A deflated member whose header promises a terabyte."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 262144), }\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(100))


def _h5(fill: Callable[[h5py.File], object]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            fill(file)

    return write


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("x", layout)


REFUSED = {
    "npy: objects": lambda path: np.save(path.open("wb"), np.array([{}], dtype=object)),
    "npz: objects": lambda path: np.savez(path.open("wb"), x=np.array([None], dtype=object)),
    "npz: deflated objects": lambda path: np.savez_compressed(path.open("wb"), x=np.array([None], dtype=object)),
    "npz: a bomb": lambda path: np.savez_compressed(path.open("wb"), x=np.zeros((4096, 2048), "f4")),
    "npz: a bomb of text": lambda path: np.savez_compressed(path.open("wb"), x=np.zeros(4, "U2000000")),
    "npz: overlapping members": _overlapping,
    "torch zip: deflated": _deflated,
    "hdf5: an external link": _h5(lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/x"))),
    "hdf5: external storage": _h5(lambda file: file.create_dataset("x", (4,), "f4", external=[("/etc/passwd", 0, 16)])),
    "hdf5: a virtual dataset": _h5(_virtual),
    "hdf5: a bomb": _h5(lambda file: file.create_dataset("x", data=np.zeros((4096, 2048)), compression="gzip")),
    "hdf5: never written": _h5(lambda file: file.create_dataset("x", (10**9, 2048), "f4", chunks=(512, 2048))),
    "hdf5: never allocated": _h5(lambda file: file.create_dataset("x", (10**9, 2048), "f4")),
}

CONTRADICTORY = {
    "torch zip: a size beyond the storage": _torch_zip(_tensor(LARGE + b"\x85", b"K\1\x85"), **FOUR),
    "torch zip: a stride beyond the storage": _torch_zip(_tensor(b"K\2\x85", LARGE + b"\x85"), **FOUR),
    "torch zip: an offset beyond the storage": _torch_zip(_tensor(b"K\2\x85", b"K\1\x85", b"K\3"), **FOUR),
    "torch zip: a negative offset": _torch_zip(_tensor(b"K\2\x85", b"K\1\x85", b"J\xff\xff\xff\xff"), **FOUR),
    "torch zip: a tensor expanded from one element": _torch_zip(_tensor(LARGE + b"\x85", b"K\0\x85"), **FOUR),
    "torch zip: sizes and strides of two lengths": _torch_zip(_tensor(b"K\2\x85", b"K\1K\1\x86"), **FOUR),
    "torch zip: a storage beyond its member": _torch_zip(_tensor(b"K\2\x85", b"K\1\x85", count=LARGE), **FOUR),
    "torch zip: no storage": _torch_zip(_tensor(b"K\2\x85", b"K\1\x85")),
    "torch legacy: a storage beyond the file": _legacy(_tensor(b"K\2\x85", b"K\1\x85")),
    "npy: a shape beyond the file": _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 2048), }"),
    "npy: a header that calls": _npy("__import__('os').system('true')"),
    "npy: a header without end": _npy("[" * 9000),
    "npz: a shape beyond the member": _lying_npy,
    "npz: stored sizes that differ": _patched(24, 1000),
    "npz: a size beyond the file": _patched(20, 2**31),
    "npz: a member beyond the file": _patched(42, 2**31),
    "safetensors: offsets beyond the file": _safetensors({"x": _entry([4], 0, 16)}, bytes(8)),
    "safetensors: a shape beyond its offsets": _safetensors({"x": _entry([10**12], 0, 16)}, bytes(16)),
    "safetensors: overlapping tensors": _safetensors({"x": _entry([4], 0, 16), "y": _entry([4], 0, 16)}, bytes(16)),
    "safetensors: a gap": _safetensors({"x": _entry([1], 4, 8)}, bytes(8)),
    "safetensors: negative offsets": _safetensors({"x": _entry([1], -4, 0)}, bytes(8)),
    "safetensors: trailing bytes": _safetensors({"x": _entry([1], 0, 4)}, bytes(8)),
    "safetensors: a key twice": _safetensors(b'{"x": 1, "x": 2}'),
    "safetensors: a header beyond the file": _bytes((2**20).to_bytes(8, "little") + b"{}"),
    "safetensors: a header without end": _safetensors(b'{"x":' * 100_000),
    "safetensors: no numbers": _safetensors({"x": {"dtype": [], "shape": "abc", "data_offsets": {}}}),
    "zip: garbage": _bytes(b"PK\3\4" + bytes(100)),
    "hdf5: garbage": _bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)),
}

UNKNOWN = {
    "empty": _bytes(b""),
    "text": _bytes(b"train_embeddings,train_labels\n1,2\n"),
    "zeros": _bytes(bytes(4096)),
    "a pickle of protocol 0": lambda path: path.write_bytes(pickle.dumps({"x": 1}, 0)),
    "a zip of something else": lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "a"),
    "a gzip": _bytes(b"\x1f\x8b\x08" + bytes(100)),
}
