"""Stand-ins for what a pickle of NumPy arrays names: `_reconstruct`, `_frombuffer`, `scalar`, `dtype`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from topkbench.dumps.arrays import AnyArray, Array
from topkbench.dumps.mapped import as_array, check_shape, lay, offset_of
from topkbench.dumps.tree import Leaf, text
from topkbench.dumps.unpickler import Buildable, Call, Globals
from topkbench.errors import DataError, UnsafeInputError

OBJECTS = "an array of Python objects, which only running the pickle would read; save it as numbers or text"


@dataclass(eq=False)
class _DType(Buildable):
    """numpy.dtype(code), whose byte order comes with BUILD."""

    code: str
    order: str = "="
    structured: bool = False

    def build(self, state: object) -> None:
        """(version, byte order, subarray, names, fields, …)."""
        if not isinstance(state, tuple) or len(state) < 5:
            raise DataError("a dtype's state is no tuple of eight; the file is damaged")
        self.order = text(state[1])
        self.structured = any(part is not None for part in state[2:5])

    def resolve(self) -> np.dtype[Any]:
        if self.structured:
            raise DataError("a structured array; save each field as an array of its own")
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]  # NumPy checks it


def _dtype(code: object, _align: object = False, _copy: object = False) -> _DType:
    name = text(code)
    if name.startswith("O"):
        raise UnsafeInputError(OBJECTS)
    if not re.fullmatch(r"[?bBhHiIlLqQefdg]|[biufcSUVmM]\d{1,9}", name, re.ASCII):
        raise DataError(f"the dtype {name[:40]!r} is not one of numbers or text; save it as float32 or int64")
    return _DType(name)


@dataclass(eq=False)
class _NDArray(Buildable, Leaf):
    """An array: `_reconstruct` makes an empty one, which BUILD fills."""

    data: memoryview = field(default_factory=lambda: memoryview(b""))
    dtype: _DType | None = None
    shape: tuple[object, ...] = ()
    fortran: bool = False
    axes: tuple[int, ...] | None = None

    def build(self, state: object) -> None:
        """([version], shape, dtype, Fortran order, bytes); the version is always 1."""
        if not isinstance(state, tuple) or len(state) not in {4, 5}:
            raise DataError("an array's state is no tuple of five; the file is damaged")
        shape, dtype, fortran, data = state[-4:]
        if isinstance(data, list):
            raise UnsafeInputError(OBJECTS)
        self._fill(data, dtype, shape, bool(fortran))

    def _fill(self, data: object, dtype: object, shape: object, fortran: bool) -> "_NDArray":
        if not isinstance(data, memoryview) or not isinstance(dtype, _DType) or not isinstance(shape, tuple):
            raise DataError("an array's bytes, dtype or shape is of the wrong type; the file is damaged")
        self.data, self.dtype, self.shape, self.fortran = data, dtype, shape, fortran
        return self

    def view(self) -> AnyArray:
        if self.dtype is None:
            raise DataError("an array that was never filled; the file is damaged")
        view = lay(self.data, self.dtype.resolve(), self.shape, fortran=self.fortran)
        return view if self.axes is None else view.transpose(self.axes)

    def open(self, path: Path, key: str) -> Array:
        """The array, if its bytes and its shape agree."""
        return as_array(path, key, self.view(), offset_of(self.data))


def _reconstruct(_subtype: object, _shape: object, _code: object) -> _NDArray:
    return _NDArray()


def _frombuffer(data: object, dtype: object, shape: object, order: object, axes: object = None) -> _NDArray:
    array = _NDArray()._fill(data, dtype, shape, fortran=order == "F")
    if order == "K" and isinstance(axes, tuple):
        array.axes = check_shape(axes)
    return array


def _scalar(dtype: object, data: object = None) -> object:
    value = _NDArray()._fill(data, dtype, (), fortran=False).view()[()]
    # Lists of NumPy's strings and integers are as good as lists of Python's.
    return value.item() if value.dtype.kind in "SUbiuf" else None


NUMPY_GLOBALS: Globals = {
    ("numpy", "ndarray"): "numpy.ndarray",
    ("numpy", "dtype"): Call(_dtype),
    **{
        (f"numpy.{core}.{module}", name): Call(run)
        for core in ("core", "_core")
        for module, name, run in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}
