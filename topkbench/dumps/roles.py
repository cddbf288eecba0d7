"""Which array is which: the role of each by its key, or where keys say nothing by place and file name.

A role is a split and a kind: train|test|valid × embeddings|labels; besides, class_ids and class_names.
A key is read as words: `imagenet21k_val_embeddings` is of the split val and the kind embeddings; where several
words name a split or a kind, the last does. `val` is test where there is no test. A key without a split takes
its file's (`val.pt`), and else is train. Where keys are numbers alone (tuples), the 2-D arrays are embeddings,
the 1-D ones labels, in pairs: train, then test; of three pairs train, valid, test.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from topkbench.dumps.arrays import Array, Dump
from topkbench.errors import DataError, UsageError, did_you_mean

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}
KINDS = {
    **dict.fromkeys(("embeddings", "embedding", "features", "feature", "x", "data"), "embeddings"),
    **dict.fromkeys(("labels", "label", "targets", "target", "y"), "labels"),
}
RANKS = {2: "embeddings", 1: "labels"}
PAIRS = {1: ("train",), 2: ("train", "test"), 3: ("train", "valid", "test")}
ARRAY_ROLES = tuple(f"{split}_{kind}" for split in ("train", "test", "valid") for kind in RANKS.values())
STRING_ROLES = {
    "class_ids": ("class_ids", "classes_ids", "wnids"),
    "class_names": ("class_names", "classes_names", "classes"),
}
SHARD = re.compile(r"[-_./](?:(?:part|shard|chunk)[-_./]?)?\d+(?:[-_./]?of[-_./]?\d+)?$", re.IGNORECASE)
ONE_OF = re.compile(r"\d+[-_./]?of[-_./]?(\d+)$", re.IGNORECASE)


class Split(NamedTuple):
    """The shards of a split, in order; as many labels as embeddings."""

    embeddings: list[Array]
    labels: list[Array]


@dataclass(frozen=True)
class Layout:
    """What is used for what: a train split always, test and valid where there are some."""

    splits: dict[str, Split]
    class_ids: list[str] | None = None
    class_names: list[str] | None = None
    unused: list[str] = field(default_factory=list)


class _Item(NamedTuple):
    """An array, and where it comes from."""

    path: Path
    key: str
    array: Array


def assign(dumps: Sequence[Dump], mapping: Mapping[str, str]) -> Layout:
    """Give the arrays of one set of dumps their roles.

    Args:
        dumps: The files of one set; arrays of one role in several of them, or under keys that differ in a
            trailing number alone, are shards, which follow one another in natural order of file and key.
        mapping: Role → key, where keys do not say it: {"train_embeddings": "layer4"}.

    Raises:
        UsageError: There is no train split, a split has embeddings and no labels, a role or key of the
            mapping does not exist, or two keys claim one role.
        DataError: Shapes contradict each other, or a shard is missing.
    """
    _check_roles(mapping)
    items = _in_order(dumps)
    mapped = {role: _named(role, mapping[role], items) for role in ARRAY_ROLES if role in mapping}
    taken = {item for found in mapped.values() for item in found}
    roles = _guess([item for item in items if item not in taken], mapped) | mapped
    splits = _splits(roles, [item.key for item in items])
    used = {array for split in splits.values() for shards in split for array in shards}
    return Layout(
        splits,
        _strings(dumps, "class_ids", mapping),
        _strings(dumps, "class_names", mapping),
        [item.key for item in items if item.array not in used],
    )


def _check_roles(mapping: Mapping[str, str]) -> None:
    roles = (*ARRAY_ROLES, *STRING_ROLES)
    for role in mapping:
        if role not in roles:
            raise UsageError(f"unknown role {role!r}{did_you_mean(role, roles)}; roles are {', '.join(roles)}")


def _in_order(dumps: Sequence[Dump]) -> list[_Item]:
    return [
        _Item(dump.path, key, dump.arrays[key])
        for dump in sorted(dumps, key=lambda dump: _natural(str(dump.path)))
        for key in sorted(dump.arrays, key=_natural)
    ]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts shard_10 after shard_9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _named(role: str, key: str, items: Sequence[_Item]) -> list[_Item]:
    """The arrays that `--map role=key` means: those of that key in every file."""
    found = [item for item in items if item.key == key]
    if not found:
        raise _no_key(role, key, [item.key for item in items])
    return found


def _no_key(role: str, key: str, keys: Sequence[str]) -> UsageError:
    return UsageError(f"no key {key!r} for {role}{did_you_mean(key, keys)}; keys are {_listed(keys)}")


def _listed(keys: Iterable[str], most: int = 20) -> str:
    names = [repr(key) for key in dict.fromkeys(keys)]
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return ", ".join(names[:most] + more) or "none"


def _guess(items: Sequence[_Item], mapped: Mapping[str, object]) -> dict[str, list[_Item]]:
    """Roles by key, less those that the mapping has given."""
    roles: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        if role := _role(item):
            roles[role].append(item)
    splits = {role.partition("_")[0] for role in (*roles, *mapped)}
    val = "test" if splits.isdisjoint({"test", "valid"}) else "valid"
    roles = {role.replace("val_", f"{val}_"): found for role, found in roles.items()} or _pair_up(items)
    guessed = {role: found for role, found in roles.items() if role not in mapped}
    for role, found in guessed.items():
        _check_shards(role, [item.key for item in found])
    return guessed


def _role(item: _Item) -> str | None:
    """The role that the words of a key name, or None; {"train": (X, y)} has the keys train/0 and train/1."""
    words = _words(item.key)
    split = _last(SPLITS, words) or _split_of_file(item.path)
    kind = _last(KINDS, words)
    if split and not kind and SPLITS.keys() >= set(words):
        kind = RANKS.get(len(item.array.shape))
    return f"{split or 'train'}_{kind}" if kind else None


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[-_./\s]+", name.lower()) if word and not word.isdecimal()]


def _last(meanings: Mapping[str, str], words: Sequence[str]) -> str | None:
    return next((meanings[word] for word in reversed(words) if word in meanings), None)


def _split_of_file(path: Path) -> str | None:
    """The one split that a file's name names."""
    splits = {SPLITS[word] for word in _words(path.stem) if word in SPLITS}
    return splits.pop() if len(splits) == 1 else None


def _pair_up(items: Sequence[_Item]) -> dict[str, list[_Item]]:
    """Roles of the members of tuples, whose keys are numbers alone."""
    members = [item for item in items if not _words(item.key)]
    embeddings, labels = ([item for item in members if len(item.array.shape) == rank] for rank in RANKS)
    if len(embeddings) != len(labels) or len(labels) not in PAIRS:
        return {}
    splits = PAIRS[len(labels)]
    return {
        f"{split}_{kind}": [item]
        for kind, found in zip(RANKS.values(), (embeddings, labels), strict=True)
        for split, item in zip(splits, found, strict=True)
    }


def _check_shards(role: str, keys: Sequence[str]) -> None:
    """Keys of one role are one key, or shards of one: they differ in a trailing number, and all are there."""
    if len({SHARD.sub("", key) for key in keys}) > 1:
        raise UsageError(f"{_listed(keys)} all look like {role}; say which is: --map {role}=KEY")
    count = ONE_OF.search(keys[0])
    if count and len(keys) != int(count[1]):
        raise DataError(f"{len(keys)} of {count[1]} shards of {role}: {_listed(keys)}; give all of them")


def _strings(dumps: Sequence[Dump], role: str, mapping: Mapping[str, str]) -> list[str] | None:
    """The strings of that role in the first file that has some: shards repeat them."""
    strings = {key: value for dump in reversed(dumps) for key, value in dump.strings.items()}
    if role in mapping:
        if mapping[role] not in strings:
            raise _no_key(role, mapping[role], list(strings))
        return strings[mapping[role]]
    named = (value for key, value in strings.items() if "_".join(_words(key)[-2:]) in STRING_ROLES[role])
    return next(named, None)


def _splits(roles: Mapping[str, Sequence[_Item]], keys: Sequence[str]) -> dict[str, Split]:
    splits = {}
    for name in ("train", "test", "valid"):
        embeddings, labels = (roles.get(f"{name}_{kind}", ()) for kind in RANKS.values())
        if embeddings and not labels:
            which = _listed(item.key for item in embeddings)
            cure = f"name them: --map {name}_labels=KEY; or give the file that has them too, with --out"
            raise UsageError(f"the embeddings {which} have no labels; {cure}")
        if embeddings:
            splits[name] = Split([item.array for item in embeddings], [item.array for item in labels])
    if "train" not in splits:
        raise UsageError(f"no train embeddings among the keys {_listed(keys)}; name them: --map train_embeddings=KEY")
    for name, split in splits.items():
        _check_shapes(name, split, width=splits["train"].embeddings[0].shape[-1])
    return splits


def _check_shapes(name: str, split: Split, width: int) -> None:
    """Embeddings are 2-D and of one width, labels 1-D and as many."""
    for array in split.embeddings:
        if len(array.shape) != 2 or array.shape[1] != width:
            raise DataError(f"{array.path}: {name} embeddings are {array.shape}, not (rows, {width}); reshape them")
    for array in split.labels:
        if len(array.shape) != 1:
            raise DataError(f"{array.path}: {name} labels are {array.shape}, not (rows,); save class numbers")
    rows, labels = (sum(array.shape[0] for array in shards) for shards in split)
    if rows != labels:
        raise DataError(f"{rows:,} {name} embeddings and {labels:,} {name} labels; save as many of each")
