"""The .safetensors format: a length, a JSON header, the bytes of the tensors one after another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from topkbench.dumps.arrays import Array, Dump
from topkbench.dumps.guard import MIB, guard
from topkbench.dumps.mapped import (
    Bfloat16Array,
    MappedArray,
    UnreadableArray,
    check_shape,
    cut,
    lay,
    offset_of,
)
from topkbench.dumps.tree import sort_out
from topkbench.errors import DataError

MAX_HEADER = 100 * MIB  # the format's own limit
CODES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip


def is_safetensors(head: bytes) -> bool:
    """Whether a file starts with a plausible length and a brace."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER


def read(path: Path, data: memoryview) -> Dump:
    """The dump in a file.

    Raises:
        DataError: The header is damaged, or the tensors do not fill the file exactly.
    """
    header_size = int.from_bytes(cut(data, 0, 8), "little")
    header = json.loads(bytes(cut(data, 8, header_size)), object_pairs_hook=_unique)
    return sort_out(path, "safetensors", _arrays(path, header, data[8 + header_size :]))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise DataError("a key is there twice in the header; save it again")
    return dict(pairs)


def _arrays(path: Path, header: dict[str, Any], data: memoryview) -> Iterator[tuple[str, Array]]:
    """Each tensor starts where the one before it ends, and the last ends with the file."""
    header.pop("__metadata__", None)
    end = 0
    for key, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        with guard(repr(key)):
            start, stop = check_shape(entry["data_offsets"])
            if start != end:
                raise DataError(f"its bytes start at {start:,}, not at {end:,}; the file is damaged")
            end = stop
            yield key, _array(path, key, entry, cut(data, start, stop - start))
    if end != len(data):
        raise DataError(f"{len(data):,} bytes of tensors, not {end:,}; the file is damaged: copy or download it again")


def _array(path: Path, key: str, entry: dict[str, Any], data: memoryview) -> Array:
    shape = check_shape(entry["shape"])
    if entry["dtype"] not in CODES:
        return UnreadableArray(path, key, str(entry["dtype"])[:40], shape)
    array = MappedArray(path, lay(data, np.dtype(CODES[entry["dtype"]]), shape), offset_of(data))
    return Bfloat16Array(array) if entry["dtype"] == "BF16" else array
