"""A sweep's specification: a TOML file or a preset's name in, one line for each run out.

preset = "difftopk/tables2+3-1k"                     # optional: the grid to start from
seeds = "0-4"
nloglr = { from = 3.5, to = 5, step = 0.5 }          # a range, its end included
inverse_temperature = [0.5, 1, 2]                    # alternatives

[[runs]]                                             # a grid of its own, on top of what stands above
method = ["bitonic", "splitter_selection"]
p_k = [[0.5, 0, 0, 0, 0.5], [0.2, 0.2, 0.2, 0.2, 0.2]]
"""

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from topkbench import presets
from topkbench.errors import UsageError
from topkbench.presets import Block

_SEQUENCES = ("p_k", "hidden_dims", "lr_steps")  # whose one value is a list
_RANGE = {"from", "to", "step"}


@dataclass(frozen=True)
class Line:
    """One run of a specification.

    Attributes:
        method: as it is written.
        chosen: the options that the specification or the user gives it.
        preset: the options that a preset gives it.
        preset_name: of that preset, or empty.
        where: of the specification it comes from, for messages.
    """

    method: str
    chosen: Mapping[str, Any]
    preset: Mapping[str, Any]
    preset_name: str
    where: str


def read(spec: str, override: Mapping[str, Any]) -> list[Line]:
    """Every run that a specification asks for, in its order.

    Args:
        spec: the path of a TOML file, or NAME/SECTION of a preset.
        override: options in place of what the specification says of them, in the same forms.

    Raises:
        UsageError: there is no such file or preset, or it is no specification.
    """
    document = _document(spec)
    blocks = document.pop("runs", [{}])
    if not (isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)):
        raise UsageError(f"{spec}: runs is no list of blocks; begin each with [[runs]]")
    preset = document.pop("preset", "")
    lines: list[Line] = []
    for number, block in enumerate(blocks, start=1):
        where = f"{spec}: [[runs]] block {number}" if len(blocks) > 1 else spec
        chosen = {**_named({**document, **block}, where), **_named(dict(override), where)}
        lines += _lines(chosen, preset, where)
    return lines


def _document(spec: str) -> dict[str, Any]:
    """The file's table; of a preset's name the one that names it."""
    path = Path(spec)
    if not path.is_file():
        if spec.endswith(".toml"):
            raise UsageError(f"{spec} does not exist; give the path of a TOML file or a preset: {_presets()}")
        return {"preset": spec}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{spec} is not TOML: {error}") from error


def _presets() -> str:
    return ", ".join(presets.names())


def _named(options: dict[str, Any], where: str) -> dict[str, Any]:
    """The options, with seeds under the name of the option."""
    if "seeds" not in options:
        return options
    if "seed" in options:
        raise UsageError(f"{where}: seed and seeds say the same; give one of them")
    return {**{name: value for name, value in options.items() if name != "seeds"}, "seed": options["seeds"]}


def _lines(chosen: Mapping[str, Any], preset: str, where: str) -> Iterator[Line]:
    grid = {option: _alternatives(option, value, where) for option, value in chosen.items()}
    starts: Sequence[Block] = presets.blocks(preset) if preset else [{}]
    methods = grid.pop("method", None) or (presets.methods(preset) if preset else [])
    _refuse_methods(methods, preset, where)
    for start in starts:
        own = [method for method in start.get("method", methods) if method in methods]
        below = {option: found for option, found in start.items() if option != "method" and option not in grid}
        for method, low, high in itertools.product(own, _points(below), _points(grid)):
            yield Line(str(method), high, low, preset, where)


def _refuse_methods(methods: Sequence[str], preset: str, where: str) -> None:
    if not methods:
        raise UsageError(f'{where}: no method; write method = ["bitonic", "softsort"], say')
    listed = presets.methods(preset) if preset else methods
    for method in methods:
        if method not in listed:
            raise UsageError(f"{where}: preset {preset} has no method {method!r}; it has {', '.join(listed)}")


def _points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the alternatives, the last option's changing fastest."""
    return [dict(zip(grid, point, strict=True)) for point in itertools.product(*grid.values())]


def _alternatives(option: str, value: Any, where: str) -> list[Any]:
    """What an option is to be, one after the other.

    >>> _alternatives("seed", "0-2,7", "")
    [0, 1, 2, 7]
    >>> _alternatives("nloglr", {"from": 3, "to": 4, "step": 0.5}, "")
    [3, 3.5, 4]
    >>> _alternatives("p_k", [0.5, 0.5], "")
    [[0.5, 0.5]]
    """
    if option == "seed" and isinstance(value, str):
        return _seeds(value, where)
    if isinstance(value, dict) and {"from", "to"} <= value.keys() <= _RANGE:
        return _range(option, value, where)
    is_one = option in _SEQUENCES and isinstance(value, list) and not any(isinstance(each, list) for each in value)
    if not isinstance(value, list) or is_one:
        return [value]
    if not value:
        raise UsageError(f"{where}: {option} = [] leaves nothing to run; give one value or more")
    return value


def _seeds(text: str, where: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) < int(first):
            raise UsageError(f'{where}: seeds = "{text}"; write "0-4" or "0,2,7"')
        found += range(int(first), int(last or first) + 1)
    return found


def _range(option: str, ends: Mapping[str, Any], where: str) -> list[Any]:
    """From, from + step, … up to and including to; exact, as 0.1 is not."""
    shown = f"{option} = {{ {', '.join(f'{name} = {value}' for name, value in ends.items())} }}"
    values = [ends["from"], ends["to"], ends.get("step", 1)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise UsageError(f"{where}: {shown}: from, to and step are numbers")
    first, last, step = (Fraction(str(value)) for value in values)
    if step <= 0 or last < first:
        raise UsageError(f"{where}: {shown} is empty; it needs from ≤ to and a step above 0")
    steps = (first + i * step for i in range((last - first) // step + 1))
    return [int(value) if value.denominator == 1 else float(value) for value in steps]
