"""What a table lacks, and the command that would fill it."""

import contextlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from topkbench.errors import UsageError
from topkbench.option_effects import NO_SETTING
from topkbench.report.cells import Cell, Footnotes
from topkbench.report.evidence import Evidence
from topkbench.report.figures import NOTHING
from topkbench.runs import Record

_NOT_THERE = "missing"
_GIVEN = ("user", "sweep", "presets/")  # origins of options that a command has to repeat
_SAID_OTHERWISE = {*NO_SETTING, "p_k", "k", "seed"}


def missing(
    evidence: Evidence,
    notes: Footnotes,
    dataset: str,
    method: str,
    p_k: Sequence[float],
    settings: Mapping[str, Any] | None = None,
) -> Cell:
    """The cell of a configuration that has not been trained: with the command that would, where there is one.

    Args:
        evidence: in which the method's other runs are: what their user gave, the command repeats.
        notes: takes the command.
        dataset: on which it is missing.
        method: as recorded.
        p_k: weights; empty for a method that has none.
        settings: options that the cell stands for, which come before those of other runs.
    """
    first = _first(evidence, dataset, method)
    if first and "source" in first.config:  # a loss of the user's own, of which a record has not the place
        return Cell(_NOT_THERE, mark=notes.mark(f"not trained yet; train with --method and the file of {method}"))
    weights = {"p_k": tuple(p_k)} if p_k else {}
    options = _with_effect(method, {**weights, **(_given(first) if first else {}), **(settings or {})})
    if options is None:
        return Cell(NOTHING)
    words = ["topkbench", "train", "--data", f"data/{dataset}.h5", "--method", method, *_flags(options)]
    return Cell(_NOT_THERE, mark=notes.mark(f"not trained yet; run: {shlex.join(words)}"))


def _first(evidence: Evidence, dataset: str, method: str) -> Record | None:
    """The method's first run, on this data set if there is one."""
    runs = evidence.runs[evidence.runs["method"] == method]
    here = runs[runs["dataset"] == dataset]
    return next((evidence.records[at] for at in (*here.index, *runs.index)), None)


def _with_effect(method: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options but for those that `topkbench train` would refuse as idle; None where there is no such run."""
    from topkbench import settings  # noqa: PLC0415 - it imports torch, which a whole table does without

    with contextlib.suppress(UsageError):
        idle = settings.idle(method, options)
        return {name: value for name, value in options.items() if name not in idle}
    return None


def _given(record: Record) -> dict[str, Any]:
    """The options that the user gave a run."""
    named = {name for name, origin in record.origin.items() if origin.startswith(_GIVEN)} - _SAID_OTHERWISE
    flat = {**record.config, **record.config.get("loss_options", {})}  # those of a loss that judges
    return {name: flat[name] for name in flat if name in named}


def _flags(options: Mapping[str, Any]) -> Iterator[str]:
    """The options as `topkbench train` takes them: by flags of their own, or by --set."""
    from topkbench.training_options import FLAGS_OF_METHODS, OPTIONS, flag  # noqa: PLC0415 - as above

    for name, value in options.items():
        if name not in (*OPTIONS, *FLAGS_OF_METHODS):
            yield from ("--set", f"{name}={_word(value)}")
        elif isinstance(value, list | tuple):
            yield from [flag(name), *map(_word, value)] if value else []
        elif value is True:
            yield flag(name)
        elif value is not False and not (value is None and name in OPTIONS):  # which of a run's are what it does anyway
            yield from (flag(name), _word(value))


def _word(value: Any) -> str:
    """A value as `topkbench train` reads it, at full precision.

    >>> _word(0.2), _word(2.0), _word(1 / 3), _word(None), _word((1, 2))
    ('.2', '2', '.3333333333333333', 'none', '[1, 2]')
    """
    if isinstance(value, float):
        text = repr(value).removesuffix(".0")
        return text.removeprefix("0") if text.startswith("0.") else text
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
