"""What a file holds, dump or store, as plain values that JSON can take."""

from pathlib import Path
from typing import Any

import numpy as np

from topkbench import dumps, hierarchy
from topkbench.dumps import roles
from topkbench.dumps.arrays import Array, Dump
from topkbench.errors import DataError, UsageError
from topkbench.prepare import _labels
from topkbench.prepare._labels import Labels
from topkbench.store import SCHEMA, Store, is_store, open_store

_TOLD_ELSEWHERE = ("schema", "n_classes", "dim", "recipe")


def summary(store: Store) -> dict[str, Any]:
    """Sum up a store in one line: path, rows by split, classes, dimension, type and checksum."""
    return {
        "path": str(store.path),
        "rows": {name: len(split.labels) for name, split in store.splits.items()},
        "classes": store.n_classes,
        "dim": store.dim,
        "dtype": str(store.splits["train"].embeddings.dtype),
        "checksum": store.checksum,
    }


def describe(path: Path) -> dict[str, Any]:
    """Tell what a dump or a store holds; of embeddings, nothing but shapes is read.

    Returns:
        path, format, size in bytes; `arrays`: key, shape, dtype and role ("" for none) of each; `classes`, their
        number; `rows_per_class`: by split the least, median and most; of a store also checksum, origin and `hierarchy`
        (nodes, edges, depth, classes that are above others, distances; empty where there is none); of a dump that
        cannot be prepared as it is, `problem` says why.

    Raises:
        UsageError: There is no such file, or its format is not known.
        DataError: It is damaged.
        UnsafeInputError: From the readers.
    """
    found = _of_store(open_store(path)) if path.is_file() and is_store(path) else _of_dump(dumps.read(path))
    return {"path": str(path), "size": path.stat().st_size, **found}


def _of_store(store: Store) -> dict[str, Any]:
    arrays = {
        f"{name}/{key}": array
        for name, split in store.splits.items()
        for key, array in (("embeddings", split.embeddings), ("labels", split.labels))
    }
    return {
        "format": f"topkbench store, schema {SCHEMA}",
        "arrays": [_array(key, array, key.replace("/", "_")) for key, array in arrays.items()],
        "classes": store.n_classes,
        "rows_per_class": {name: _spread(split.labels, store.n_classes) for name, split in store.splits.items()},
        "class_ids": store.class_ids is not None,
        "class_names": store.class_names is not None,
        "hierarchy": _hierarchy(store),
        "checksum": store.checksum,
        **{key: value for key, value in store.attributes.items() if key not in _TOLD_ELSEWHERE},
    }


def _hierarchy(store: Store) -> dict[str, Any]:
    found = hierarchy.of(store.n_classes, store.class_ids, store.class_names, store.parents, store.distances)
    return found.summary() if found else {}


def _of_dump(dump: Dump) -> dict[str, Any]:
    named: dict[int, str] = {}
    try:
        found = roles.assign([dump], {})
        for split, pair in found.splits.items():
            for kind, shards in zip(("embeddings", "labels"), pair, strict=True):
                named |= {id(array): f"{split}_{kind}" for array in shards}
        counted = _count(found)
    except (UsageError, DataError) as error:
        counted = {"problem": str(error)}
    return {
        "format": dump.format,
        "arrays": [_array(key, array, named.get(id(array), "")) for key, array in dump.arrays.items()],
        "lists": {key: len(values) for key, values in dump.strings.items()},
        **counted,
    }


def _count(found: roles.Layout) -> dict[str, Any]:
    labels = {split: _labels.read(split, arrays, None) for split, (_, arrays) in found.splits.items()}
    listed = found.class_ids or []
    n_classes = max(len(listed), *(1 + int(y.max()) for y in labels.values()))
    return {
        "classes": n_classes,
        "rows_per_class": {split: _spread(y, n_classes) for split, y in labels.items()},
    }


def _array(key: str, array: Array | np.ndarray[Any, Any], role: str) -> dict[str, Any]:
    return {"key": key, "shape": list(array.shape), "dtype": str(array.dtype), "role": role}


def _spread(labels: Labels, n_classes: int) -> dict[str, float]:
    counts = np.bincount(labels, minlength=n_classes)
    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}
