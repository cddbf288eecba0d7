"""Which rows a run trains on, validates on and tests on, and the labels that they bear in it.

Legend: N rows, C classes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from topkbench import label_noise, protocol
from topkbench.errors import DataError, UsageError
from topkbench.store import Store
from topkbench.training_options import Protocol


@dataclass(frozen=True)
class Part:
    """Some rows of one of the store's splits.

    Attributes:
        split: its name.
        index: [n], which of its rows.
        labels: [N] int64, of all of its rows.
    """

    split: str
    index: Tensor
    labels: Tensor


def parts(
    store: Store, shared: Protocol, generator: torch.Generator, family_C: Tensor | None = None
) -> dict[str, Part]:
    """The rows for `train`, `valid` and `test`; validation and test keep their labels as they are.

    Args:
        store: the data.
        shared: how to split them and what to do to the labels.
        generator: the run's stream; nothing is drawn from it where the data bring their own validation split.
        family_C: the family of each class, if the classes have a tree.

    Raises:
        UsageError: as `require`.
        DataError: a label is out of range, which prepare has refused: the file has changed since.
    """
    require(store, shared, has_tree=family_C is not None)
    label_N = _labels(store, "train")
    valid, train_index = _split(store, label_N, shared, generator)
    return {
        "train": Part("train", train_index, _with_noise(label_N, store.n_classes, shared, family_C)),
        "valid": valid,
        "test": _whole(store, "test"),
    }


def require(store: Store, shared: Protocol, *, has_tree: bool) -> None:
    """Refuse data that cannot be split as asked for.

    Raises:
        UsageError: they have no test split, or no families for noise among siblings.
    """
    if "test" not in store.splits:
        raise UsageError(f"{store.path} has no test split; prepare its dump again with --test-fraction .1")
    if shared.label_noise and shared.noise == "siblings" and not has_tree:
        cure = "give them a class tree with 'topkbench prepare --hierarchy FILE'"
        raise UsageError(f"--noise siblings: these data have no class tree; {cure}")


def _split(store: Store, label_N: Tensor, shared: Protocol, generator: torch.Generator) -> tuple[Part, Tensor]:
    """Validation, and the training rows."""
    rows, classes = len(label_N), store.n_classes
    facts = {"n_train": rows, "n_classes": classes}
    per_class = protocol.rows_per_class(shared.train_per_class, shared.train_fraction, facts)
    if "valid" in store.splits:
        order = torch.arange(rows)
        if per_class is not None:
            order = torch.randperm(rows, generator=protocol.noise(shared.seed, "subset"))
            order = protocol.balanced(order, label_N, classes, per_class)
        return _whole(store, "valid"), order
    if per_class is None:
        valid_index, train_index = protocol.split(rows, shared.valid_size, generator)
    else:
        valid_index, train_index = protocol.balanced_split(label_N, classes, shared.valid_size, per_class, generator)
    return Part("train", valid_index, label_N), train_index


def _with_noise(label_N: Tensor, classes: int, shared: Protocol, family_C: Tensor | None) -> Tensor:
    if not shared.label_noise:
        return label_N
    generator = protocol.noise(shared.seed, "label noise")
    if shared.noise == "siblings" and family_C is not None:
        return label_noise.among_siblings(label_N, family_C, shared.label_noise, generator)
    return label_noise.within_blocks(label_N, classes, shared.label_noise, shared.noise_block, generator)


def _whole(store: Store, split: str) -> Part:
    label_N = _labels(store, split)
    return Part(split, torch.arange(len(label_N)), label_N)


def _labels(store: Store, split: str) -> Tensor:
    labels = np.array(store.splits[split].labels, dtype=np.int64)
    if labels.min() < 0 or labels.max() >= store.n_classes:
        raise DataError("labels out of range: the prepared file is damaged; see 'topkbench info FILE --verify'")
    return torch.from_numpy(labels)
