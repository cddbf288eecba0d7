"""What a table lacks, and the command that would fill it."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from topkbench.errors import UsageError
from topkbench.report.cells import Cell, Footnotes
from topkbench.report.evidence import Evidence
from topkbench.report.figures import NOTHING
from topkbench.report.folding import NO_SETTING
from topkbench.report.values import show

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
    if not _exists(method, p_k):
        return Cell(NOTHING)
    weights = ["--p-k", *map(_brief, p_k)] if p_k else []
    chosen = {**_given(evidence, dataset, method), **(settings or {})}
    words = ["topkbench train --data", f"data/{dataset}.h5", "--method", method, *weights, *_flags(chosen)]
    return Cell(_NOT_THERE, mark=notes.mark(f"not trained yet; run: {' '.join(words)}"))


def _exists(method: str, p_k: Sequence[float]) -> bool:
    """Whether there is such a method and it takes such weights."""
    from topkbench import method_options  # noqa: PLC0415 - it imports torch, which a whole table does without

    with contextlib.suppress(UsageError):
        own = method_options.known(method, {})
        given = method_options.with_k(method, own, {"p_k": tuple(p_k)} if p_k else {})
        return bool(method_options.build(method, own | given))
    return False


def _given(evidence: Evidence, dataset: str, method: str) -> dict[str, Any]:
    """The options that the user gave the method's first run, on this data set if there is one."""
    runs = evidence.runs[evidence.runs["method"] == method]
    here = runs[runs["dataset"] == dataset]
    for at in [*here.index, *runs.index][:1]:
        record = evidence.records[at]
        named = {name for name, origin in record.origin.items() if origin.startswith(_GIVEN)}
        return {name: record.config[name] for name in record.config if name in named - _SAID_OTHERWISE}
    return {}


def _flags(options: Mapping[str, Any]) -> Iterator[str]:
    """The options as `topkbench train` takes them: those of the protocol by name, a method's own by --set."""
    from topkbench.training_options import Protocol  # noqa: PLC0415 - as above

    of_protocol = {field.name for field in fields(Protocol)}
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name not in of_protocol:
            yield f"--set {name}={value if isinstance(value, str) else json.dumps(value)}"
        elif value is True:
            yield flag
        elif isinstance(value, list | tuple) and value:
            yield " ".join([flag, *map(show, value)])
        elif value not in (None, False, [], ()):
            yield f"{flag} {show(value)}"


def _brief(weight: float) -> str:
    return f"{weight:.4g}".replace("0.", ".", 1) if weight < 1 else show(weight)
