"""From what a pickle holds, dicts in lists in dicts, to a dump: arrays and lists of strings by flat keys."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from topkbench.dumps.arrays import Array, Dump
from topkbench.dumps.guard import guard
from topkbench.dumps.mapped import MappedArray
from topkbench.errors import DataError

MAX_DEPTH = 32
MAX_WORK = 2**25  # a pickle of a few bytes can name one list a billion times
MAX_STRINGS = 2**18  # a longer list names rows, not classes, and would fill the memory

CONTAINERS = (dict, list, tuple)


class Leaf(ABC):
    """What an unpickler leaves where an array was: it opens it, once the whole file has been seen."""

    @abstractmethod
    def open(self, path: Path, key: str) -> Array:
        """The array, its bounds checked."""


def collect(path: Path, format_name: str, root: object) -> Dump:
    """The dump whose content `root` is; an array alone goes by the file's stem.

    Raises:
        DataError: An array does not fit its file, two have one key, or the nesting is too deep or too large.
    """
    leaves = [(key or path.stem, value) for key, value in _walk(root)]
    return sort_out(path, format_name, ((key, _open(path, key, value)) for key, value in leaves))


def _open(path: Path, key: str, value: object) -> Array | list[str]:
    with guard(repr(key)):
        if isinstance(value, Leaf):
            return value.open(path, key)
        items = value if isinstance(value, list | tuple) else []
        if type(items[0]) is int:
            return MappedArray(path, np.array(items, np.int64))
        return [text(item) for item in items]


def sort_out(path: Path, format_name: str, items: Iterable[tuple[str, Array | list[str]]]) -> Dump:
    """The dump of some arrays and lists of strings; a 1-D array of strings is such a list too.

    Raises:
        DataError: Two of them have one key.
    """
    arrays: dict[str, Array] = {}
    strings: dict[str, list[str]] = {}
    for key, item in items:
        if key in arrays or key in strings:
            raise DataError(f"the key {key!r} is there twice; rename one")
        if isinstance(item, list):
            strings[key] = item
        elif not item.shape:
            continue  # a number: no embeddings, no labels
        elif item.dtype.kind not in "SU":
            arrays[key] = item
        elif len(item.shape) == 1 and item.shape[0] * max(item.dtype.itemsize, 256) <= 256 * MAX_STRINGS:
            strings[key] = [text(value) for block in item.blocks(MAX_STRINGS) for value in block.tolist()]
    return Dump(path, format_name, arrays, strings)


def _walk(root: object) -> Iterator[tuple[str, object]]:
    """Every array and plain list with its key, depth first and in order; other values are passed over."""
    spent = 0
    waiting: list[tuple[str, int, object]] = [("", 0, root)]
    while waiting:
        key, depth, value = waiting.pop()
        spent += 256 + (len(value) if isinstance(value, CONTAINERS) else 0)
        if depth > MAX_DEPTH or spent > MAX_WORK:
            raise DataError("values nested too deep or too often; save one flat dict of arrays")
        if isinstance(value, Leaf) or _is_plain(value):
            yield key, value
        children = _children(value)
        waiting += [(_join(key, name), depth + 1, child) for name, child in reversed(children)]


def _is_plain(value: object) -> bool:
    """Whether a value is a sequence of strings alone or of ints alone: class names, labels."""
    if not isinstance(value, list | tuple) or not value:
        return False
    types = {type(item) for item in value}
    return types <= {int} or types <= {str, memoryview}


def _children(value: object) -> list[tuple[object, object]]:
    """What a dict, list or tuple holds that may hold arrays."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, CONTAINERS) else ()
    return [(name, child) for name, child in items if isinstance(child, (*CONTAINERS, Leaf))]


def _join(key: str, name: object) -> str:
    last = text(name) if isinstance(name, str | bytes | memoryview) else str(name)
    return f"{key}/{last}" if key else last


def text(value: object) -> str:
    """A string out of a file: strings of Python 2 and of NumPy may be bytes.

    Raises:
        DataError: It is neither.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    raise DataError(f"a {type(value).__name__} stands where text should; the file is damaged")
