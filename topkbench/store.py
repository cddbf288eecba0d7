"""The store: one HDF5 file a data set (schema 1), laid out so that NumPy maps its arrays straight from disk.

    /train/embeddings [N, D] float16|float32    /train/labels [N] int32
    /test/… likewise                            /valid/… where the dump has one
    /classes/ids, /classes/names                UTF-8, in label order, where they are known
    /classes/parents [E, 2]                     UTF-8, child and parent, where a hierarchy was given; or instead
    /classes/distances [C, C] float32           how far apart two classes are
    /checksums/ARRAY                            uint32: crc32 of every 64 MiB block of that array's bytes
    attrs: schema, n_classes, dim, versions, and what the writer tells of the source

HDF5 is used for the layout alone. Arrays are contiguous and start on a page, so a memory map reads them at
the disk's own speed (random rows about 260 times faster than h5py). After a fork, a process reopens the store
by its path. Nobody but `Writer` ever opens one for writing.
"""

import hashlib
import math
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import h5py
import numpy as np
import numpy.typing as npt

from topkbench.errors import DataError, UsageError
from topkbench.progress import Progress, silent

SCHEMA = 1
SPLITS = ("train", "test", "valid")
BLOCK = 64 * 2**20  # bytes under one checksum
_PAGE = 4096
_FLUSH = 32 * 2**20  # bytes between two nudges to the disk
_ANEW = "prepare it anew with --overwrite"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_EMBEDDING_TYPES = (np.dtype("<f2"), np.dtype("<f4"))
_LABEL_TYPE = np.dtype("<i4")
_DISTANCE_TYPE = np.dtype("<f4")
_DISTANCES = "classes/distances"

AnyArray = npt.NDArray[Any]


class Spec(NamedTuple):
    """Shape and type of one array of a store."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Its size on disk."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Split:
    """One split: `embeddings` [N, D] float16 or float32, and `labels` [N] int32; both lie in the file."""

    embeddings: AnyArray
    labels: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Store:
    """A prepared data set, memory-mapped and read-only.

    Attributes:
        path: The file; a process reopens it by `open_store(store.path)`.
        name: The file's stem: what the data set is called in run records.
        n_classes: Labels are 0 … n_classes − 1.
        dim: D, the embeddings' dimension.
        splits: By name: train, and test and valid where there is one.
        class_ids: In label order, or None.
        class_names: In label order, or None.
        parents: The edges of the hierarchy that it was given, (child, parent) names, or None.
        distances: [C, C] float32, the distances of classes that it was given instead, in the file; or None.
        checksum: sha256 of the splits' arrays' names, shapes, types and crc32 tables: the same for equal data,
            whatever the file is called, whenever it was written, and whatever is known of its classes.
        attributes: Everything else the file tells: source, source_size, source_sha256, versions, …
    """

    path: Path
    name: str
    n_classes: int
    dim: int
    splits: Mapping[str, Split]
    class_ids: list[str] | None
    class_names: list[str] | None
    parents: list[tuple[str, str]] | None
    distances: AnyArray | None
    checksum: str
    attributes: Mapping[str, Any]


# ---- writing


class Writer:
    """Fills a new store: its arrays are laid out at once, filled in any interleaving, and sealed at the end.

    Bytes go past HDF5 straight to their place in the file: a block of a memory-mapped dump is never copied.
    """

    def __init__(self, path: Path, layout: Mapping[str, Spec]) -> None:
        self._path = path
        self._layout = layout
        self._offsets = _allocate(path, layout)
        self._checksums = {name: _Checksums() for name in layout}
        self._file = os.open(path, os.O_WRONLY)
        self._unflushed = 0

    def append(self, name: str, rows: AnyArray) -> None:
        """Write the next rows of the array `name`, of the type that the layout gave it.

        Raises:
            DataError: They have another type or shape, or are more than the layout has room for.
        """
        spec, sums = self._layout[name], self._checksums[name]
        if rows.dtype != spec.dtype or rows.shape[1:] != spec.shape[1:] or sums.length + rows.nbytes > spec.nbytes:
            raise DataError(f"{self._path}: rows {rows.shape} {rows.dtype} do not fit {name} {spec.shape} {spec.dtype}")
        if not rows.size:
            return
        data = _bytes(np.ascontiguousarray(rows))
        start = self._offsets[name] + sums.length
        sums.update(data)
        _write_all(self._file, data, start)
        self._unflushed += len(data)
        if self._unflushed >= _FLUSH:
            _begin_flush(self._file, start + len(data) - self._unflushed, self._unflushed)
            self._unflushed = 0

    def seal(
        self,
        n_classes: int,
        class_ids: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        parents: Sequence[tuple[str, str]] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write checksums, class lists, the hierarchy's edges and attributes, and flush all of it to the disk.

        Raises:
            DataError: An array of the layout was not filled.
        """
        for name, spec in self._layout.items():
            if self._checksums[name].length != spec.nbytes:
                raise DataError(f"{self._path}: {name} got {self._checksums[name].length} of {spec.nbytes} bytes")
        with h5py.File(self._path, "r+", locking=False) as file:
            for name, sums in self._checksums.items():
                file.create_dataset(f"checksums/{name}", data=np.array(sums.table, "<u4"))
            for key, values in (("ids", class_ids), ("names", class_names), ("parents", parents)):
                if values is not None:
                    file.create_dataset(f"classes/{key}", data=list(values), dtype=h5py.string_dtype())
            file.attrs.update({**(attributes or {}), "n_classes": n_classes, "versions": _versions()})
            file.attrs["dim"] = self._layout["train/embeddings"].shape[1]
            file.attrs["schema"] = SCHEMA  # last: without it the file is no store
        os.fsync(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def create(
    path: Path,
    splits: Mapping[str, tuple[AnyArray, AnyArray]],
    *,
    n_classes: int | None = None,
    class_ids: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    parents: Sequence[tuple[str, str]] | None = None,
    distances: AnyArray | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Store:
    """Write a store from arrays in memory, and open it. `prepare` does so for dumps, and checks them.

    Args:
        path: The file to write; one that exists is replaced.
        splits: By name (train, test, valid): embeddings [N, D] float16 or float32, and labels [N], integers.
        n_classes: Where left out, the number of class ids, or else the greatest label + 1.
        class_ids: In label order.
        class_names: In label order.
        parents: Edges of the classes' hierarchy, (child, parent) names; see `topkbench.hierarchy`.
        distances: [C, C] floats, in place of edges.
        attributes: What to tell of the source; strings and numbers.
    """
    arrays = {
        f"{s}/{key}": a for s, pair in splits.items() for key, a in zip(("embeddings", "labels"), pair, strict=True)
    }
    arrays = {name: a.astype(_LABEL_TYPE) if name.endswith("labels") else a for name, a in arrays.items()}
    if distances is not None:
        arrays[_DISTANCES] = distances.astype(_DISTANCE_TYPE)
    if n_classes is None:
        n_classes = len(class_ids) if class_ids is not None else 1 + max(int(y.max()) for _, y in splits.values())
    with Writer(path, {name: Spec(a.shape, a.dtype) for name, a in arrays.items()}) as writer:
        for name, array in arrays.items():
            writer.append(name, array)
        writer.seal(n_classes, class_ids, class_names, parents, attributes)
    return open_store(path)


class _Checksums:
    """The crc32 of every `BLOCK` bytes of a stream that comes in pieces of any size."""

    def __init__(self) -> None:
        self.table: list[int] = []
        self.length = 0

    def update(self, data: memoryview) -> None:
        while data:
            if self.length % BLOCK == 0:
                self.table.append(0)
            piece = data[: BLOCK - self.length % BLOCK]
            self.table[-1] = zlib.crc32(piece, self.table[-1])
            self.length += len(piece)
            data = data[len(piece) :]


def _allocate(path: Path, layout: Mapping[str, Spec]) -> dict[str, int]:
    """Lay out the arrays, unfilled, and say where in the file each one starts."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # the place in the file is known before the first byte is there
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # every byte is written once, by `append`
    # No HDF5 lock: it is advisory, some network disks refuse it, and prepare holds its own on this very file.
    with h5py.File(path, "w", locking=False, alignment_threshold=1, alignment_interval=_PAGE) as file:
        return {
            name: file.create_dataset(name, spec.shape, spec.dtype, dcpl=plist.copy()).id.get_offset()
            for name, spec in layout.items()
        }


def _bytes(array: AnyArray) -> memoryview:
    return array.data.cast("B")


def _write_all(file: int, data: memoryview, offset: int) -> None:
    """Write all of it; one call takes less than 2 GiB, and less than asked on a disk nearly full."""
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written


def _begin_flush(file: int, start: int, size: int) -> None:
    """Have the disk begin to write what was written to the file, so that the last flush has little left to do.

    The advice drops only pages that are clean, and these are not: the store stays in memory for its first reader.
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(file, max(0, start), size, os.POSIX_FADV_DONTNEED)


def _versions() -> str:
    try:
        own = metadata.version("topkbench")
    except metadata.PackageNotFoundError:  # run from a clone
        own = "clone"
    return f"topkbench {own}, h5py {h5py.__version__}, numpy {np.__version__}"


# ---- reading


def is_hdf5(path: Path) -> bool:
    """Tell whether a file starts as HDF5 files do."""
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def is_store(path: Path) -> bool:
    """Tell whether a file is a store of any schema, whole or damaged beyond its attributes."""
    try:
        if not path.is_file() or not is_hdf5(path):
            return False
        with h5py.File(path, "r", locking="best-effort") as file:
            return "schema" in file.attrs and "train/embeddings" in file
    except (OSError, RuntimeError, KeyError):  # not to be read, or damaged: nobody can say what it was
        return False


def open_store(path: Path) -> Store:
    """Open a store for reading; nothing is read but its table of contents, and no handle stays open.

    Args:
        path: A file that `topkbench prepare` wrote.

    Raises:
        UsageError: There is no such file, it is not a store, or its schema is newer than this version knows.
        DataError: It is a store, but cut short or inconsistent.
    """
    with _contents(path) as file:
        arrays, tables = _arrays(path, file)
        attributes = {key: v.item() if isinstance(v, np.generic) else v for key, v in file.attrs.items()}
        class_ids, class_names = _strings(file, "classes/ids"), _strings(file, "classes/names")
        parents = _strings(file, "classes/parents")
        n_classes = int(attributes["n_classes"])
    splits = {s: Split(arrays[f"{s}/embeddings"], arrays[f"{s}/labels"]) for s in SPLITS if f"{s}/labels" in arrays}
    _check_splits(path, splits, n_classes, class_ids, class_names)
    _check_hierarchy(path, n_classes, parents, arrays.get(_DISTANCES))
    return Store(
        path=path,
        name=path.stem,
        n_classes=n_classes,
        dim=splits["train"].embeddings.shape[1],
        splits=splits,
        class_ids=class_ids,
        class_names=class_names,
        parents=None if parents is None else [(child, parent) for child, parent in parents],
        distances=arrays.get(_DISTANCES),
        checksum=_checksum(arrays, tables),
        attributes=attributes,
    )


def verify(path: Path, progress: Progress = silent) -> None:
    """Read every array again and compare its bytes with the checksums that were stored with it.

    Raises:
        UsageError: As `open_store`.
        DataError: As `open_store`, or bytes have changed; the message names the array, block and rows.
    """
    with _contents(path) as file:
        arrays, tables = _arrays(path, file)
    with progress(sum(a.nbytes for a in arrays.values()), "B", f"verifying {path.name}") as bar:
        for name, array in arrays.items():
            data = _bytes(array)
            for block, expected in enumerate(tables[name]):
                piece = data[block * BLOCK : (block + 1) * BLOCK]
                if zlib.crc32(piece) != expected:
                    raise DataError(_damage(path, name, block, array))
                bar.advance(len(piece))


def _damage(path: Path, name: str, block: int, array: AnyArray) -> str:
    row = array.nbytes // len(array)
    first, last = block * BLOCK // row, min(len(array), -(-(block + 1) * BLOCK // row)) - 1
    return f"{path}: block {block} of {name} (rows {first} to {last}) is damaged: its crc32 has changed; {_ANEW}"


@contextmanager
def _contents(path: Path) -> Iterator[Any]:
    """Open the HDF5 file of a store, and turn what goes wrong inside into an error that says what it is."""
    if not path.is_file():
        raise UsageError(f"no file {path}; 'topkbench prepare' writes stores to data/")
    try:
        if not is_hdf5(path):
            raise UsageError(f"{path} is not a prepared data set; run: topkbench prepare {path}")
        # Best effort: a lock where the disk has locks, none where it does not (some network disks).
        with h5py.File(path, "r", locking="best-effort") as file:
            _check_schema(path, file)
            yield file
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:  # what h5py raises on a broken file
        if isinstance(error, UsageError):
            raise
        raise DataError(f"{path} is damaged ({error}); {_ANEW}") from error


def _check_schema(path: Path, file: Any) -> None:
    schema = file.attrs.get("schema")
    if schema is None:
        raise UsageError(f"{path} is HDF5, but not a prepared data set; run: topkbench prepare {path}")
    if schema != SCHEMA:
        raise UsageError(
            f"{path} has schema {schema}, this topkbench reads {SCHEMA}; update it, or prepare the dump anew"
        )


def _arrays(path: Path, file: Any) -> tuple[dict[str, AnyArray], dict[str, AnyArray]]:
    """Map every array, in one order for every file, and read its crc32 table."""
    names = [f"{s}/{key}" for s in SPLITS if s in file for key in ("embeddings", "labels")]
    names += [_DISTANCES] if _DISTANCES in file else []
    arrays = {name: _map(path, name, file[name]) for name in names}
    tables = {name: file[f"checksums/{name}"][:] for name in names}
    for name, array in arrays.items():
        if len(tables[name]) != -(-array.nbytes // BLOCK):
            raise DataError(f"{path}: the checksums of {name} are not whole; {_ANEW}")
    return arrays, tables


def _map(path: Path, name: str, dataset: Any) -> AnyArray:
    """Map one array, once all its bytes are known to be in the file: past its end a map kills the process."""
    spec = Spec(dataset.shape, dataset.dtype)
    offset = dataset.id.get_offset()  # None: chunked, or not a byte is stored
    types = {"labels": (_LABEL_TYPE,), "distances": (_DISTANCE_TYPE,)}.get(Path(name).name, _EMBEDDING_TYPES)
    if len(spec.shape) != (1 if name.endswith("labels") else 2) or spec.dtype not in types or offset is None:
        raise DataError(f"{path}: {name} is {spec.dtype} {spec.shape}, not a mappable array; {_ANEW}")
    if offset + spec.nbytes > path.stat().st_size:
        raise DataError(f"{path} is cut short: {name} ends past the end of the file; {_ANEW}")
    return np.memmap(path, spec.dtype, "r", offset, spec.shape)


def _strings(file: Any, name: str) -> list[Any] | None:
    return file[name].asstr()[:].tolist() if name in file else None


def _check_splits(
    path: Path, splits: Mapping[str, Split], n_classes: int, ids: list[str] | None, names: list[str] | None
) -> None:
    shapes = {name: (split.embeddings.shape, split.labels.shape) for name, split in splits.items()}
    if "train" not in splits:
        raise DataError(f"{path} has no train split; {_ANEW}")
    if any(len(s.embeddings) != len(s.labels) for s in splits.values()):
        raise DataError(f"{path}: embeddings and labels differ in number: {shapes}; {_ANEW}")
    if len({split.embeddings.shape[1] for split in splits.values()}) > 1:
        raise DataError(f"{path}: splits differ in dimension: {shapes}; {_ANEW}")
    if any(len(values) != n_classes for values in (ids, names) if values is not None):
        raise DataError(f"{path}: its class list does not hold n_classes = {n_classes}; {_ANEW}")


def _check_hierarchy(path: Path, n_classes: int, parents: list[Any] | None, distances: AnyArray | None) -> None:
    if parents is not None and not all(isinstance(edge, list) and len(edge) == 2 for edge in parents):
        raise DataError(f"{path}: /classes/parents does not hold pairs; {_ANEW}")
    if distances is not None and distances.shape != (n_classes, n_classes):
        raise DataError(f"{path}: {_DISTANCES} is {distances.shape}, not [n_classes = {n_classes}]²; {_ANEW}")


def _checksum(arrays: Mapping[str, AnyArray], tables: Mapping[str, AnyArray]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        if name == _DISTANCES:  # like ids and names: what is known of the classes, not the data
            continue
        digest.update(f"{name} {array.shape} {array.dtype.str}\n".encode())
        digest.update(tables[name].astype("<u4").tobytes())
    return digest.hexdigest()
