"""An unpickler that runs nothing: few opcodes, an exact list of globals, each an inert stand-in, no copies.

A pickle is a program. What it may do is decided in three places: the opcodes (`ALLOWED`: what Python's own
pickler writes for dicts, lists, tuples, text, numbers and arrays), the globals (exact pairs of module and
name, mapped to stand-ins of ours: nothing is ever imported), and the handlers of REDUCE and BUILD (stand-ins
alone). Bytes are handed out as slices of the file's map, however large they are.
"""

import pickle
import pickletools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from topkbench.dumps.mapped import cut
from topkbench.errors import DataError, UnsafeInputError

CURE = "save it again as one dict of tensors or arrays alone"
MAX_READS = 2**23  # at one or more an object, which has some 64 bytes, half a gibibyte
MAX_NAME = 256

# FRAME only helps readers that buffer. Of the text opcodes of protocol 0, later protocols still write GLOBAL.
ALLOWED = {
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS",
    "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "MEMOIZE",
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A stand-in for a function or class: what REDUCE runs instead of it."""

    run: Callable[..., object]


class Buildable(ABC):
    """A stand-in that BUILD may fill."""

    @abstractmethod
    def build(self, state: object) -> None:
        """Take the state that the original would take."""


Globals = Mapping[tuple[str, str], object]


class _Reader:
    """The file that `pickle._Unpickler` reads from."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.position = 0
        self._reads = 0

    def slice(self, size: int) -> memoryview:
        """The next bytes, not copied."""
        part = cut(self.data, self.position, size)
        self.position += size
        self._reads += 1
        if self._reads > MAX_READS:
            raise DataError("millions of Python objects; save numbers as arrays, leave long lists out")
        return part

    def read(self, size: int) -> bytes:
        return bytes(self.slice(size))

    def readline(self) -> bytes:
        line, newline, _ = bytes(self.data[self.position : self.position + MAX_NAME]).partition(b"\n")
        if not newline:
            raise DataError(f"a name of more than {MAX_NAME} bytes or cut short; the file is damaged")
        return self.read(len(line) + 1)


class Unpickler(pickle._Unpickler):
    """Reads one pickle from memory.

    Args:
        data: The bytes, a slice of the file's map; what follows the pickle is left alone.
        stand_ins: What each global that may occur is mapped to; any other is refused.
        storage: Resolves a persistent id, by which torch names a storage; without it, they are refused.
    """

    # What typeshed does not know of the base class.
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, data: memoryview, stand_ins: Globals, storage: Callable[[object], object] | None = None) -> None:
        self._reader = _Reader(data)
        self._stand_ins = {**stand_ins, ("_codecs", "encode"): Call(self._encode)}
        self._storage = storage
        self._encoded = 0
        super().__init__(self._reader)

    @property
    def position(self) -> int:
        """Where the pickle read so far ends."""
        return self._reader.position

    def find_class(self, module: str, name: str) -> object:
        """The stand-in for a global.

        Raises:
            UnsafeInputError: There is none.
        """
        if (module, name) not in self._stand_ins:
            where = f"{module}.{name}"[:100]
            raise UnsafeInputError(f"the pickle names {where!r}, which topkbench never runs; {CURE}")
        return self._stand_ins[module, name]

    def persistent_load(self, pid: object) -> object:
        """The storage that a torch file names.

        Raises:
            UnsafeInputError: This pickle is not part of a torch file.
        """
        if self._storage is None:
            raise UnsafeInputError(f"the pickle points to something outside itself; {CURE}")
        return self._storage(pid)

    def _encode(self, value: object, encoding: object) -> memoryview:
        """Bytes in protocol 2: text of which each letter is a byte. A file can make no more than it holds."""
        if not isinstance(value, str) or encoding != "latin1":
            raise UnsafeInputError(f"_codecs.encode may make latin1 alone; {CURE}")
        self._encoded += len(value)
        if self._encoded > len(self._reader.data):
            raise UnsafeInputError(f"the pickle unpacks to more bytes than it has; {CURE}")
        return memoryview(value.encode("latin1"))

    def _frame(self) -> None:
        cut(self._reader.data, self.position, int.from_bytes(self._reader.read(8), "little"))

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Call) or not isinstance(arguments, tuple):
            raise UnsafeInputError(f"REDUCE calls a {type(function).__name__}; {CURE}")
        self.stack.append(function.run(*arguments))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Buildable):
            raise UnsafeInputError(f"BUILD changes a {type(target).__name__}; {CURE}")
        target.build(state)

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _set_items(self) -> None:
        self._update(self.pop_mark())

    def _update(self, items: list[Any]) -> None:
        """Fill the dict on the stack. Only scalars are keys: a tuple's hash recurses without a limit."""
        if not isinstance(self.stack[-1], dict):
            raise DataError(f"a {type(self.stack[-1]).__name__} is filled like a dict; the file is damaged")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | memoryview | None):
                raise DataError(f"a dict has a {type(key).__name__} as key; {CURE}")
            self.stack[-1][key] = value


def _bytes(length_size: int) -> Callable[[Unpickler], None]:
    """The handler of an opcode that carries bytes: a length of so many bytes, then they."""

    def push(unpickler: Unpickler) -> None:
        length = int.from_bytes(unpickler._reader.read(length_size), "little")
        unpickler.stack.append(unpickler._reader.slice(length))

    return push


def _refusal(name: str) -> Callable[[object], NoReturn]:
    def refuse(_: object) -> NoReturn:
        raise UnsafeInputError(f"forbidden opcode {name} in the pickle; {CURE}")

    return refuse


def _unknown(_: object) -> NoReturn:
    raise DataError("a byte that is no opcode; the pickle is damaged: copy or download it again")


_OWN = {
    "FRAME": Unpickler._frame,
    "REDUCE": Unpickler._reduce,
    "BUILD": Unpickler._build,
    "SETITEM": Unpickler._set_item,
    "SETITEMS": Unpickler._set_items,
    "SHORT_BINSTRING": _bytes(1),
    "SHORT_BINBYTES": _bytes(1),
    "BINSTRING": _bytes(4),
    "BINBYTES": _bytes(4),
    "BINBYTES8": _bytes(8),
    "BYTEARRAY8": _bytes(8),
}


def _handler(name: str, code: int) -> Callable[[Any], None]:
    if name not in ALLOWED:
        return _refusal(name)
    return _OWN.get(name) or pickle._Unpickler.dispatch[code]


Unpickler.dispatch = dict.fromkeys(range(256), _unknown) | {
    ord(opcode.code): _handler(opcode.name, ord(opcode.code)) for opcode in pickletools.opcodes
}
