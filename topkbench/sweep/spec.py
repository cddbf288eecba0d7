"""A sweep's specification: a TOML file or a preset's name in, one line for each run out.

preset = "difftopk/tables2+3-1k"                     # optional: the grid to start from
seeds = "0-4"
nloglr = { from = 3.5, to = 5, step = 0.5 }          # a range, its end included
inverse_temperature = [0.5, 1, 2]                    # alternatives

[[runs]]                                             # a grid of its own, which goes before what stands above
method = ["bitonic", "splitter_selection"]
p_k = [[0.5, 0, 0, 0, 0.5], [0.2, 0.2, 0.2, 0.2, 0.2]]
"""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, prod
from pathlib import Path
from typing import Any

from topkbench import presets, settings
from topkbench.errors import UsageError
from topkbench.presets import Block

_SEQUENCES = ("p_k", "hidden_dims", "lr_steps")  # whose one value is a list
_RANGE = {"from", "to", "step"}
_SEEDS = re.compile(r"\s*(\d{1,19})\s*(?:-\s*(\d{1,19})\s*)?")
_MOST = 100_000  # runs; more are a slip, and would fill the memory before any is trained

_Point = tuple[str, dict[str, Any], dict[str, Any]]
"""A run: its method, the options that the specification gives it, and those that a preset does."""


@dataclass(frozen=True)
class Line:
    """One run of a specification.

    Attributes:
        method: as it is written.
        chosen: the options that the specification or the user gives it.
        preset: the options that a preset gives it, and of those that the specification gives it the ones that have no
            effect on it, but on other runs of the same block.
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
    if not (blocks and isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)):
        raise UsageError(f"{spec}: runs are blocks, one or more; begin each with [[runs]]")
    lines: list[Line] = []
    for number, block in enumerate(blocks, start=1):
        where = f"{spec}: [[runs]] block {number}" if len(blocks) > 1 else spec
        above, own, before = (_named(options, where) for options in (document, block, override))
        lines += _lines(_over(_over(above, own), before), where)
        _refuse_many(len(lines), where)
    return lines


def _document(spec: str) -> dict[str, Any]:
    """The file's table; of a preset's name the one that names it."""
    try:
        content = Path(spec).read_bytes()
        return tomllib.loads(content.decode("utf-8-sig"))  # some editors begin a file with a mark
    except (FileNotFoundError, NotADirectoryError) as error:
        if spec.endswith(".toml"):
            cure = f"give the path of a TOML file or a preset: {_presets()}"
            raise UsageError(f"{spec} does not exist; {cure}") from error
        return {"preset": spec}
    except OSError as error:
        raise UsageError(f"{spec} cannot be read ({error.strerror}); give the path of a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{spec} is not TOML: {error}") from error


def _presets() -> str:
    return ", ".join(presets.names())


def _named(options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options, with seeds under the name of the option."""
    if {"seed", "seeds"} <= options.keys():
        raise UsageError(f"{where}: seed and seeds say the same; give one of them")
    return {"seed" if option == "seeds" else option: value for option, value in options.items()}


def _over(below: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, and what those below say of others."""
    return {**presets.left_open(below, options), **options}


def _lines(chosen: Mapping[str, Any], where: str) -> list[Line]:
    preset = chosen.get("preset", "")
    if not isinstance(preset, str):
        raise UsageError(f"{where}: preset = {preset!r}; give the name of one: {_presets()}")
    grid = {option: _alternatives(option, value, where) for option, value in chosen.items() if option != "preset"}
    starts: Sequence[Block] = presets.blocks(preset) if preset else [{}]
    methods = grid.pop("method", None) or (presets.methods(preset) if preset else [])
    _refuse_methods(methods, preset, where)
    points: list[_Point] = []
    for start in starts:
        own = [str(method) for method in start.get("method", methods) if method in methods]
        below = presets.left_open(start, {"method", *grid})
        _refuse_many(len(points) + len(own) * prod(map(len, (*below.values(), *grid.values()))), where)
        every = itertools.product(own, _points(below), _points(grid))
        points += [(method, high, low) for method, low, high in every]
    return [Line(*point, preset, where) for point in _spared(points)]


def _spared(points: Sequence[_Point]) -> Iterator[_Point]:
    """The runs of a block; what has an effect on some of them goes with a preset's options on the others.

    Settings refuse what is chosen and has no effect, as it is a slip; in a grid it is one where no run has use for it.
    """
    idle = _idle_of_each(points)
    always = frozenset.intersection(*idle)
    for (method, high, low), own in zip(points, idle, strict=True):
        spared = {option: value for option, value in high.items() if option in own - always}
        yield method, {option: value for option, value in high.items() if option not in spared}, {**low, **spared}


def _idle_of_each(points: Sequence[_Point]) -> list[frozenset[str]]:
    """What has no effect on each run, which the seed does not decide."""
    known: dict[str, frozenset[str]] = {}  # by text, as values may be lists
    found = []
    for method, high, low in points:
        options = {option: value for option, value in {**low, **high}.items() if option != "seed"}
        kind = repr((method, options))
        known[kind] = known[kind] if kind in known else _idle(method, options)
        found.append(known[kind])
    return found


def _idle(method: str, options: Mapping[str, Any]) -> frozenset[str]:
    """What has no effect on a run; nothing of one that cannot be, which is refused when it is resolved."""
    try:
        return frozenset(settings.idle(method, options))
    except UsageError:
        return frozenset()


def _refuse_methods(methods: Sequence[str], preset: str, where: str) -> None:
    if not methods:
        raise UsageError(f'{where}: no method; write method = ["bitonic", "softsort"], say')
    listed = presets.methods(preset) if preset else methods
    for method in methods:
        if method not in listed:
            raise UsageError(f"{where}: preset {preset} has no method {method!r}; it has {', '.join(listed)}")


def _refuse_many(runs: int, where: str) -> None:
    if runs > _MOST:
        raise UsageError(f"{where}: that makes {runs:,} runs or more; a sweep takes {_MOST:,} at most")


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
        match = _SEEDS.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise UsageError(f'{where}: seeds = "{text}"; write "0-4" or "0,2,7"')
        _refuse_many(len(found) + last - first + 1, where)
        found += range(first, last + 1)
    return found


def _range(option: str, ends: Mapping[str, Any], where: str) -> list[Any]:
    """From, from + step, … up to and including to; exact, as 0.1 is not."""
    shown = f"{option} = {{ {', '.join(f'{name} = {value}' for name, value in ends.items())} }}"
    values = [ends["from"], ends["to"], ends.get("step", 1)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < inf for value in values):
        raise UsageError(f"{where}: {shown}: from, to and step are finite numbers")
    first, last, step = (Fraction(str(value)) for value in values)
    if step <= 0 or last < first:
        raise UsageError(f"{where}: {shown} is empty; it needs from ≤ to and a step above 0")
    count = (last - first) // step + 1
    _refuse_many(count, where)
    steps = (first + i * step for i in range(count))
    return [int(value) if value.denominator == 1 else float(value) for value in steps]
