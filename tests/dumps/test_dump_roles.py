"""Roles by key, by mapping, by place and by file name."""

from pathlib import Path

import numpy as np
import pytest

from topkbench.dumps import Dump
from topkbench.dumps.mapped import MappedArray
from topkbench.dumps.roles import Layout, assign
from topkbench.errors import DataError, UsageError

X, Y = (4, 3), (4,)


def dump(arrays: dict[str, tuple[int, ...]], name: str = "dump.pt", **strings: list[str]) -> Dump:
    path = Path(name)
    return Dump(path, "npz", {key: MappedArray(path, np.zeros(shape)) for key, shape in arrays.items()}, strings)


def keys(layout: Layout, *dumps: Dump) -> dict[str, tuple[list[str], list[str]]]:
    """The layout with each array's key, after its file's name where there are several files."""
    names = {
        id(array): key if len(dumps) == 1 else f"{dump.path}:{key}"
        for dump in dumps
        for key, array in dump.arrays.items()
    }
    return {
        split: ([names[id(array)] for array in embeddings], [names[id(array)] for array in labels])
        for split, (embeddings, labels) in layout.splits.items()
    }


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train_embeddings", "train_labels", "test_embeddings", "test_labels"], ["train", "test"]),
        (["train_embeddings", "train_labels", "val_embeddings", "val_labels"], ["train", "test"]),
        ([f"imagenet21k_{s}_{k}" for s in ("train", "val") for k in ("embeddings", "labels")], ["train", "test"]),
        ([f"{s}/{k}" for s in ("train", "test", "valid") for k in "xy"], ["train", "test", "valid"]),
        (["X_train", "y_train", "X_test", "y_test"], ["train", "test"]),
        (["train.features", "train.targets", "validation.features", "validation.targets"], ["train", "test"]),
        (["data/train/embeddings", "data/train/label", "data/val/embeddings", "data/val/label"], ["train", "test"]),
        (["embeddings", "labels"], ["train"]),
        (["train/0", "train/1", "test/0", "test/1"], ["train", "test"]),
        (["0", "1"], ["train"]),
        (["0/0", "0/1", "1/0", "1/1"], ["train", "test"]),
        (["0/0", "0/1", "1/0", "1/1", "2/0", "2/1"], ["train", "valid", "test"]),
    ],
)
def test_layouts_that_are_recognised(names, splits):
    source = dump({name: (X, Y)[place % 2] for place, name in enumerate(names)})
    pairs = zip(names[::2], names[1::2], strict=True)
    assert keys(assign([source], {}), source) == {
        split: ([x], [y]) for split, (x, y) in zip(splits, pairs, strict=True)
    }


def test_positions_may_come_kind_by_kind():
    """As scikit-learn's train_test_split returns them."""
    source = dump({"0": X, "1": (2, 3), "2": Y, "3": (2,)})
    assert keys(assign([source], {}), source) == {"train": (["0"], ["2"]), "test": (["1"], ["3"])}


def test_val_stays_valid_beside_a_test_split():
    source = dump({f"{s}_{k}": shape for s in ("train", "val", "test") for k, shape in (("x", X), ("y", Y))})
    assert list(assign([source], {}).splits) == ["train", "test", "valid"]


def test_shards_follow_in_natural_order():
    a, b = (dump({"train_x": X, "train_y": Y}, f"part_{n}.npz") for n in (10, 9))
    assert keys(assign([a, b], {}), a, b) == {
        "train": (["part_9.npz:train_x", "part_10.npz:train_x"], ["part_9.npz:train_y", "part_10.npz:train_y"])
    }
    source = dump({"train_x_10": X, "train_x_9": X, "train_y-00001-of-00002": Y, "train_y-00002-of-00002": Y})
    expected = (["train_x_9", "train_x_10"], ["train_y-00001-of-00002", "train_y-00002-of-00002"])
    assert keys(assign([source], {}), source) == {"train": expected}


def test_a_missing_shard_is_an_error():
    with pytest.raises(DataError, match="1 of 00002 shards of train_embeddings"):
        assign([dump({"train_x-00001-of-00002": X, "train_y": Y})], {})


def test_files_name_the_split_where_keys_do_not():
    train, test = dump({"embeddings": X, "labels": Y}, "train.pt"), dump({"0": X, "1": Y}, "a_val.pkl")
    assert keys(assign([train, test], {}), train, test) == {
        "train": (["train.pt:embeddings"], ["train.pt:labels"]),
        "test": (["a_val.pkl:0"], ["a_val.pkl:1"]),
    }


def test_the_mapping_overrides_and_names_anything():
    source = dump({"train_x": X, "train_y": Y, "layer3": (4, 5)}, ids=["a"], names=["b"])
    layout = assign([source], {"train_embeddings": "layer3", "class_ids": "ids", "class_names": "names"})
    assert keys(layout, source) == {"train": (["layer3"], ["train_y"])}
    assert (layout.class_ids, layout.class_names, layout.unused) == (["a"], ["b"], ["train_x"])


def test_a_mapping_settles_what_is_ambiguous():
    source = dump({"train_x": X, "train_features": X, "train_y": Y})
    with pytest.raises(UsageError, match="'train_features', 'train_x' all look like train_embeddings"):
        assign([source], {})
    assert keys(assign([source], {"train_embeddings": "train_x"}), source) == {"train": (["train_x"], ["train_y"])}


def test_class_ids_and_names_are_taken_along():
    layout = assign([dump({"x": X, "y": Y}, class_ids=["n1"], class_names=["one"])], {})
    assert (layout.class_ids, layout.class_names) == (["n1"], ["one"])
    layout = assign([dump({"x": X, "y": Y, "extra": (2, 2)}, wnids=["n1"])], {})
    assert (layout.class_ids, layout.class_names, layout.unused) == (["n1"], None, ["extra"])


@pytest.mark.parametrize(
    ("arrays", "mapping", "error", "message"),
    [
        ({"a": X, "b": Y}, {}, UsageError, r"no train embeddings among the keys 'a', 'b'.*--map train_embeddings=KEY"),
        ({}, {}, UsageError, "no train embeddings among the keys none"),
        ({"test_x": X, "test_y": Y}, {}, UsageError, "no train embeddings"),
        ({"train_x": X}, {}, UsageError, "'train_x' have no labels; name them: --map train_labels=KEY"),
        ({"x": X, "y": Y}, {"train_embedings": "x"}, UsageError, "did you mean 'train_embeddings'"),
        ({"layer3": X, "y": Y}, {"train_embeddings": "layer"}, UsageError, "no key 'layer'.*did you mean 'layer3'"),
        ({"x": X, "y": Y}, {"class_ids": "ids"}, UsageError, "no key 'ids' for class_ids"),
        ({"x": X, "y": (5,)}, {}, DataError, "4 train embeddings and 5 train labels"),
        ({"x": (4, 3, 1), "y": Y}, {}, DataError, r"train embeddings are \(4, 3, 1\)"),
        ({"x": X, "y": (4, 1)}, {}, DataError, r"train labels are \(4, 1\)"),
        ({"train_x": X, "train_y": Y, "test_x": (4, 5), "test_y": Y}, {}, DataError, r"\(4, 5\), not \(rows, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(arrays, mapping, error, message):
    with pytest.raises(error, match=message) as caught:
        assign([dump(arrays)], mapping)
    assert "\n" not in str(caught.value)
