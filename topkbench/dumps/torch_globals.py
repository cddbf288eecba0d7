"""Stand-ins for what a file of torch tensors names: `_rebuild_tensor_v2`, the storage classes, the dtypes."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from topkbench.dumps.arrays import AnyArray, Array
from topkbench.dumps.mapped import Bfloat16Array, MappedArray, UnreadableArray, check_shape, offset_of
from topkbench.dumps.tree import Leaf, text
from topkbench.dumps.unpickler import Call, Globals
from topkbench.errors import DataError

# torch's dtypes by NumPy's codes. bfloat16 is read by its bits; what is opaque here ("V") is never read.
CODES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "u2",
    "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1", "bool": "b1",
    "uint64": "u8", "uint32": "u4", "uint16": "u2", "uint8": "u1",
    "complex32": "V4", "complex64": "V8", "complex128": "V16",
    "quint8": "V1", "qint8": "V1", "qint32": "V4", "quint4x2": "V1", "quint2x4": "V1",
    "float8_e4m3fn": "V1", "float8_e4m3fnuz": "V1", "float8_e5m2": "V1", "float8_e5m2fnuz": "V1",
    "float8_e8m0fnu": "V1", "float4_e2m1fn_x2": "V1",
}  # fmt: skip

STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128",
    "QUInt8": "quint8", "QInt8": "qint8", "QInt32": "qint32", "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4",
}  # fmt: skip


@dataclass(frozen=True)
class _DType:
    """torch.float32 and its like, also what a storage class stands for."""

    name: str


@dataclass(eq=False)
class Storage:
    """A storage of `count` elements; its bytes are filled in where the file has them."""

    type_name: str
    key: str
    count: int
    data: memoryview | None = None
    big_endian: bool = False

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.count * np.dtype(CODES[self.type_name]).itemsize

    def dtype(self, type_name: str) -> np.dtype[Any]:
        """NumPy's dtype for one of torch's, in this storage's byte order."""
        return np.dtype(CODES[type_name]).newbyteorder(">" if self.big_endian else "<")


def storage_of(pid: object) -> Storage:
    """The storage, still without bytes, that a persistent id describes.

    Raises:
        DataError: It describes something else, or a view of a storage, as torch wrote before 0.4.
    """
    if not isinstance(pid, tuple) or len(pid) not in {5, 6} or text(pid[0]) != "storage":
        raise DataError("a persistent id that names no storage; save the tensors alone")
    kind, key, count = pid[1], text(pid[2]), pid[4]
    if not isinstance(kind, _DType) or type(count) is not int or count < 0:
        raise DataError(f"the storage {key[:40]!r} has no type or no size; the file is damaged")
    if pid[5:] not in {(), (None,)}:
        raise DataError("a view of a storage, as torch wrote before 0.4; save it again with a newer torch")
    return Storage(kind.name, key, count)


@dataclass(frozen=True, eq=False)
class _Tensor(Leaf):
    """A tensor: how it lies in its storage, checked when it is opened."""

    storage: Storage
    offset: int
    shape: tuple[object, ...]
    strides: tuple[object, ...]
    type_name: str

    def open(self, path: Path, key: str) -> Array:
        """The array, if its storage has all of it."""
        view, start = self._view()
        if view.dtype.kind == "V":
            return UnreadableArray(path, key, f"torch.{self.type_name}", view.shape)
        array = MappedArray(path, view, start)
        return Bfloat16Array(array) if self.type_name == "bfloat16" else array

    def _view(self) -> tuple[AnyArray, int | None]:
        dtype = self.storage.dtype(self.type_name)
        shape, strides = check_shape(self.shape), check_shape(self.strides)
        data = self.storage.data
        if data is None:
            raise DataError(f"the storage {self.storage.key[:40]!r} is missing; the file is damaged")
        self._check_bounds(shape, strides, len(data) // dtype.itemsize)
        if 0 in shape:
            return np.empty(shape, dtype), None
        first = self.offset * dtype.itemsize
        steps = tuple(stride * dtype.itemsize for stride in strides)
        start = offset_of(data)
        return np.ndarray(shape, dtype, data, first, steps), None if start is None else start + first

    def _check_bounds(self, shape: tuple[int, ...], strides: tuple[int, ...], capacity: int) -> None:
        """The last element lies in the storage, which has no fewer elements than the view."""
        count = math.prod(shape)
        reach = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if count else -1
        if count > capacity or not 0 <= self.offset <= self.offset + reach + 1 <= capacity:
            raise DataError(
                f"shape {shape} with strides {strides} from element {self.offset} on does not fit "
                f"a storage of {capacity:,} elements; save the tensor again after .contiguous()"
            )


def _rebuild_tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> _Tensor:
    """_rebuild_tensor, and _rebuild_tensor_v2, whose further arguments concern gradients."""
    if not isinstance(storage, Storage) or type(offset) is not int:
        raise DataError("a tensor without a storage or an offset; the file is damaged")
    if not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise DataError("a tensor without a shape or strides; the file is damaged")
    return _Tensor(storage, offset, size, stride, storage.type_name)


def _rebuild_tensor_v3(
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _grad: object,
    _hooks: object,
    dtype: object,
    *_: object,
) -> _Tensor:
    """Dtypes that have no storage class of their own lie in an untyped storage."""
    if not isinstance(dtype, _DType):
        raise DataError("a tensor without a dtype; the file is damaged")
    return replace(_rebuild_tensor(storage, offset, size, stride), type_name=dtype.name)


def _rebuild_parameter(data: object, *_: object) -> object:
    return data


def _size(shape: object) -> object:
    return shape


TORCH_GLOBALS: Globals = {
    ("torch._utils", "_rebuild_tensor"): Call(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Call(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Call(_rebuild_tensor_v3),
    ("torch._utils", "_rebuild_qtensor"): Call(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Call(_rebuild_parameter),
    ("torch", "Size"): Call(_size),
    ("torch.storage", "UntypedStorage"): _DType("uint8"),
    ("torch", "per_tensor_affine"): "torch.per_tensor_affine",
    **{("torch", f"{kind}Storage"): _DType(name) for kind, name in STORAGES.items()},
    **{("torch", name): _DType(name) for name in CODES},
}
