"""A dump, looked through: everything that can be known and checked before the embeddings are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topkbench import classes, dumps, hierarchy
from topkbench.classes import Classes
from topkbench.dumps import roles
from topkbench.dumps.arrays import Array
from topkbench.dumps.guard import guard
from topkbench.errors import DataError, UsageError
from topkbench.prepare import _labels
from topkbench.prepare._copy import Stream
from topkbench.prepare._labels import Labels
from topkbench.prepare._options import Options
from topkbench.prepare._split import stratified
from topkbench.store import Spec

_KEPT = ("float16", "float32")


@dataclass(frozen=True)
class Contents:
    """What a store will hold.

    Attributes:
        streams: The embeddings, unread, and the splits they go to.
        labels: By split.
        dtype: Of the stored embeddings.
        n_classes: Labels are less than this.
        class_ids: In label order, if they are known.
        class_names: Likewise.
        hierarchy: The one that was asked for, if any: edges or distances.
    """

    streams: list[Stream]
    labels: dict[str, Labels]
    dtype: np.dtype[Any]
    n_classes: int
    class_ids: list[str] | None
    class_names: list[str] | None
    hierarchy: hierarchy.Source

    @property
    def layout(self) -> dict[str, Spec]:
        """The store's arrays."""
        dim = self.streams[0].arrays[0].shape[1]
        specs: dict[str, Spec] = {}
        for split, labels in self.labels.items():
            specs[f"{split}/embeddings"] = Spec((len(labels), dim), self.dtype)
            specs[f"{split}/labels"] = Spec(labels.shape, labels.dtype)
        if self.hierarchy.distances is not None:
            specs["classes/distances"] = Spec(self.hierarchy.distances.shape, self.hierarchy.distances.dtype)
        return specs


def look(sources: Sequence[Path], options: Options, note: Callable[[str], None]) -> Contents:
    """Open the files of one set, tell the arrays' roles, and check whatever the labels and shapes tell.

    Raises:
        UsageError: A format or role is not known, or there is no test split and no --test-fraction (or both).
        DataError: Counts, dimensions, labels or the hierarchy are wrong.
        UnsafeInputError: From the readers.
    """
    opened = [dumps.read(source) for source in sources]
    with guard(", ".join(map(str, sources))):
        found = roles.assign(opened, options.mapping)
    if found.unused:
        note(f"not taken along: {', '.join(found.unused)}")
    ids, names = classes.load(options.classes) if options.classes else _own_lists(found)
    limit = len(ids or names or []) or None
    labels = {split: _labels.read(split, arrays, limit) for split, (_, arrays) in found.splits.items()}
    embeddings = {split: arrays for split, (arrays, _) in found.splits.items()}
    _check_embeddings(embeddings)
    n_classes = limit or 1 + max(int(y.max()) for y in labels.values())
    if ids is None and (known := _guess(n_classes, len(labels["train"]), note)):
        ids, names = known.ids, names or known.names
    above = hierarchy.Source(None, None)
    if options.hierarchy is not None:
        above = hierarchy.load(options.hierarchy, n_classes, ids, names)
    _tell_empty(labels["train"], n_classes, note)
    with guard(", ".join(map(str, sources))):
        streams, labels = _divide(embeddings, labels, options)
    return Contents(streams, labels, _dtype(embeddings, options.dtype), n_classes, ids, names, above)


def _own_lists(found: roles.Layout) -> tuple[list[str] | None, list[str] | None]:
    ids, names = found.class_ids, found.class_names
    if ids is not None and names is not None and len(ids) != len(names):
        raise DataError(f"the dump has {len(ids)} class ids and {len(names)} names; give --classes a list of both")
    return ids, names


def _guess(n_classes: int, rows: int, note: Callable[[str], None]) -> Classes | None:
    name = classes.guess(n_classes, rows)
    if name is None:
        return None
    note(f"{n_classes} classes, {rows} training rows: taken for {name}; --classes FILE says otherwise")
    return classes.load(name)


def _tell_empty(train: Labels, n_classes: int, note: Callable[[str], None]) -> None:
    if empty := n_classes - len(np.unique(train)):
        note(f"{empty} of {n_classes} classes have no training rows")


def _check_embeddings(embeddings: Mapping[str, Sequence[Array]]) -> None:
    for split, arrays in embeddings.items():
        for array in arrays:
            if array.shape[1] == 0:
                raise DataError(f"{array.path}: {split} embeddings have shape {array.shape}; save some dimensions")
            if array.dtype.kind not in "fiubV":  # V: unreadable, and its `blocks` says why
                raise DataError(f"{array.path}: {split} embeddings are {array.dtype}, not numbers; save floats")


def _divide(
    embeddings: Mapping[str, Sequence[Array]], labels: dict[str, Labels], options: Options
) -> tuple[list[Stream], dict[str, Labels]]:
    """Send every source split to its own, or where there is no test split a part of train to test."""
    if "test" in labels and options.test_fraction is not None:
        raise UsageError("the dump has a test split; leave out --test-fraction, or map other keys with --map")
    streams = {split: Stream(arrays, [(split, None)]) for split, arrays in embeddings.items()}
    if "test" in labels:
        return list(streams.values()), labels
    if options.test_fraction is None:
        raise UsageError(
            "there is no test split: make one of the training rows with --test-fraction .1, name its keys "
            "with --map test_embeddings=KEY --map test_labels=KEY, or give all files of the set with --out"
        )
    train = labels["train"]
    test = stratified(train, options.test_fraction, options.split_seed)
    streams["train"] = Stream(embeddings["train"], [("train", ~test), ("test", test)])
    return list(streams.values()), {**labels, "train": train[~test], "test": train[test]}


def _dtype(embeddings: Mapping[str, Sequence[Array]], wanted: str) -> np.dtype[Any]:
    """Choose what is stored: one type for all splits, the wider where they differ."""
    if wanted != "keep":
        return np.dtype(wanted)
    types = {array.dtype.newbyteorder("=") for arrays in embeddings.values() for array in arrays}
    return types.pop() if len(types) == 1 and types <= {np.dtype(t) for t in _KEPT} else np.dtype("float32")
