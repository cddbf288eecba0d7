"""The papers' grids: one TOML file a paper, a section a table.

Every value is a list of alternatives. Where a table's methods take unlike settings, each block of `runs` adds its own
to what the section gives them all.
"""

import tomllib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from topkbench.errors import UsageError, did_you_mean

Block = Mapping[str, list[Any]]
"""option -> alternatives: the grid of them all."""
_ROWS = frozenset({"train_per_class", "train_fraction"})


def names() -> list[str]:
    """Every preset there is, as NAME/SECTION.

    >>> "difftopk/table5-resnext" in names()
    True
    """
    stems = sorted(p.name.removesuffix(".toml") for p in files(__name__).iterdir() if p.name.endswith(".toml"))
    return [f"{stem}/{section}" for stem in stems for section in _read(stem)]


def blocks(preset: str) -> list[Block]:
    """The grids that make up a preset.

    Raises:
        UsageError: there is no such preset.
    """
    if preset not in names():
        near = did_you_mean(preset, names()) or f"; one of {', '.join(names())}."
        raise UsageError(f"unknown preset {preset!r}{near}")
    name, section = preset.split("/")
    shared = dict(_read(name)[section])
    return [{**shared, **block} for block in shared.pop("runs", [{}])]


def methods(preset: str) -> list[str]:
    """The methods of a preset, also those that there are not yet.

    >>> methods("difftopk/table5-resnext")
    ['bitonic', 'splitter_selection']
    """
    return [method for block in blocks(preset) for method in block["method"]]


def left_open(said: Mapping[str, Any], chosen: Collection[str]) -> dict[str, Any]:
    """What is said of options but for those that are chosen; rows a class and a share of them are one choice.

    >>> left_open({"train_per_class": [64, 128], "nloglr": [1.0]}, {"train_fraction"})
    {'nloglr': [1.0]}
    """
    closed = {*chosen, *(_ROWS if not _ROWS.isdisjoint(chosen) else ())}
    return {option: value for option, value in said.items() if option not in closed}


def one_line(preset: str, method: str | None, chosen: Mapping[str, Any], how: Callable[[str], str]) -> dict[str, Any]:
    """The options of one run of a preset; where it leaves a choice, the user must make it.

    Args:
        preset: NAME/SECTION.
        method: canonical name, or None to leave it to the preset.
        chosen: the options that the user gave; they may also go against the preset.
        how: says how an option is chosen on the command line.

    Raises:
        UsageError: there is no such preset, it has not the method, or several alternatives are left for an option.
    """
    listed = methods(preset)
    if method is not None and method not in listed:
        raise UsageError(f"preset {preset} has no method {method!r}; it has {', '.join(listed)}")
    method = method or _only("method", listed, preset, how)
    (block,) = (block for block in blocks(preset) if method in block["method"])  # a method stands in one block
    open_options = left_open(block, {"method", *chosen})
    return {"method": method} | {option: _only(option, found, preset, how) for option, found in open_options.items()}


def _only(option: str, alternatives: list[Any], preset: str, how: Callable[[str], str]) -> Any:
    if len(alternatives) > 1:
        shown = ", ".join(" ".join(f"{v:g}" for v in a) if isinstance(a, list) else str(a) for a in alternatives)
        raise UsageError(f"preset {preset} leaves {option} open: choose with {how(option)}, one of: {shown}")
    return alternatives[0]


@cache
def _read(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8"))
