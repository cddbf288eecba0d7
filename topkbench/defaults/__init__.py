"""What a known data set takes by default, for every method or for one: one TOML file a data set.

[match]               facts of the data that tell it: n_classes, n_train, dim
[all]                 options for every method that has them
[methods.NAME]        options for one method
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

PROTOCOL = "protocol"
"""The file that holds for every data set."""


def layers(method: str | None, facts: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Where a method's defaults come from, the weakest first: (origin, options).

    Args:
        method: its canonical name, or None for a user's own file, for which nothing has been tuned.
        facts: n_classes, n_train and dim of the data.

    >>> [origin for origin, _ in layers("bitonic", {"n_classes": 10450, "n_train": 11060223, "dim": 2048})]
    ['defaults/protocol', 'defaults/imagenet-21k-p']
    """
    found = [(PROTOCOL, _tables()[PROTOCOL])]
    found += [(name, table) for name, table in _tables().items() if _matches(table, facts)]
    return [
        (f"defaults/{name}", {**table.get("all", {}), **table.get("methods", {}).get(method, {})})
        for name, table in found
    ]


def _matches(table: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return "match" in table and all(facts[fact] == value for fact, value in table["match"].items())


@cache
def _tables() -> dict[str, dict[str, Any]]:
    paths = sorted((p for p in files(__name__).iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
    return {path.name.removesuffix(".toml"): tomllib.loads(path.read_text("utf-8")) for path in paths}
