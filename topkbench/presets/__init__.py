"""The papers' grids: one TOML file a paper, a section a table, in which every value is a list of alternatives."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from topkbench.errors import UsageError


def names() -> list[str]:
    """Every preset there is, as NAME/SECTION.

    >>> "difftopk/table5-resnext" in names()
    True
    """
    stems = sorted(p.name.removesuffix(".toml") for p in files(__name__).iterdir() if p.name.endswith(".toml"))
    return [f"{stem}/{section}" for stem in stems for section in _read(stem)]


def one_line(preset: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one run of a preset's grid; where the grid leaves a choice, `chosen` must make it.

    Args:
        preset: NAME/SECTION.
        chosen: what the user said; it may also go against the preset.

    Raises:
        UsageError: there is no such preset, or several alternatives are left for an option.
    """
    if preset not in names():
        raise UsageError(f"unknown preset {preset!r}; one of {', '.join(names())}")
    name, section = preset.split("/")
    line = {}
    for option, alternatives in _read(name)[section].items():
        if option in chosen:
            continue
        if len(alternatives) > 1:
            flag = "--" + option.replace("_", "-")
            raise UsageError(f"preset {preset} leaves {option} open: choose with {flag}, one of {alternatives}")
        line[option] = alternatives[0]
    return line


def _read(name: str) -> dict[str, dict[str, list[Any]]]:
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8"))
