"""What a plan takes before it is begun: memory, bytes to read, and time by a few measured steps.

Legend: R rows that stand in for the data's.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import psutil
import torch

from topkbench import protocol, train
from topkbench.errors import first_line
from topkbench.recording import Planned
from topkbench.settings import Settings
from topkbench.stack import Stack
from topkbench.store import Split, Store
from topkbench.sweep.plan import Plan, passes

_SHARE = 0.5  # of the free memory that heads may take
_HEADS_ON_CPU = 12  # more save little there, and a crash costs the whole pass
_STATES = 4  # weights, their gradient, and Adam's two means
_SCORES = 8  # tensors of the size of the scores that a step holds at once
_STEPS = 2


@dataclass(frozen=True)
class PassEstimate:
    """What one pass takes.

    Attributes:
        members: its runs.
        steps: of each.
        memory: bytes beside the embeddings.
        seconds: at most, as if every evaluation looked at the test split too; None where a head's steps fail.
    """

    members: Sequence[Planned]
    steps: int
    memory: int
    seconds: float | None


@dataclass(frozen=True)
class Estimate:
    """What a plan takes.

    Attributes:
        passes: those that are to be trained.
        to_read: bytes of embeddings that are read from the data file, by one worker.
        held: bytes of embeddings that stay in memory.
        faults: run id -> how its steps fail, in one line.
    """

    passes: Sequence[PassEstimate]
    to_read: int
    held: int
    faults: Mapping[str, str]


def estimate(plan: Plan, members: Sequence[Planned], heads: int) -> Estimate:
    """Estimate the training of some runs of a plan, each kind of which takes a few steps over random rows.

    Args:
        plan: of the sweep.
        members: the runs.
        heads: how many a pass takes at most.
    """
    costs = _costs(plan.store, members)
    found = [_pass(plan.store, together, costs) for together in passes(members, heads)]
    embeddings = sum(split.embeddings.nbytes for split in plan.store.splits.values())
    is_mapped = any(member.settings.protocol.residency == "mmap" for member in members)
    to_read = sum(_bytes_mapped(plan.store, each) for each in found) if is_mapped else embeddings
    faults = {run_id: cost for run_id, cost in costs.items() if isinstance(cost, str)}
    return Estimate(found, to_read if members else 0, 0 if is_mapped or not members else embeddings, faults)


def heads_per_pass(plan: Plan, sharers: int = 1) -> int:
    """How many heads a pass may have, by the memory that is free now; on a CPU twelve at most.

    Args:
        plan: of the sweep.
        sharers: how many passes go on at the same time in one memory.
    """
    if not plan.members:
        return 1
    shared = plan.members[0].settings.protocol
    on_gpu = shared.device == "cuda"
    free = torch.cuda.mem_get_info()[0] if on_gpu else psutil.virtual_memory().available
    if shared.residency == "device" or (shared.residency == "ram" and not on_gpu):  # a CPU's device is the RAM
        free -= sum(split.embeddings.nbytes for split in plan.store.splits.values())
    most = max(_head_bytes(plan.store, member.settings) for member in plan.members)
    allowed = max(1, int(_SHARE * free / sharers / most))
    return allowed if on_gpu else min(allowed, _HEADS_ON_CPU)


@dataclass(frozen=True)
class _Cost:
    """Seconds of one head: to build, of a step, and of an evaluated row."""

    build: float
    step: float
    row: float


_Costs = Mapping[str, _Cost | str]
"""Run id -> what it costs, or why that cannot be known."""


def _pass(store: Store, together: Sequence[Planned], costs: _Costs) -> PassEstimate:
    settings = together[0].settings
    shared, sizes = settings.protocol, _sizes(store, settings)
    steps_an_epoch = sizes["train"] // shared.batch_size
    evaluated = sum(
        protocol.is_evaluated(step, steps_an_epoch, shared.eval_every) for step in range(1, steps_an_epoch + 1)
    )
    rows = shared.n_epochs * evaluated * (sizes["valid"] + sizes["test"])
    steps = shared.n_epochs * steps_an_epoch
    each = [cost for member in together if isinstance(cost := costs[member.run_id], _Cost)]
    seconds = sum(cost.build + steps * cost.step + rows * cost.row for cost in each)
    memory = sum(_head_bytes(store, member.settings) for member in together)
    return PassEstimate(together, steps, memory, seconds if len(each) == len(together) else None)


def _sizes(store: Store, settings: Settings) -> dict[str, int]:
    """Rows of each role; of a subset as many as there may be."""
    rows = {name: len(split.labels) for name, split in store.splits.items()}
    if "valid" not in rows:
        rows["valid"] = settings.protocol.valid_size
        rows["train"] -= rows["valid"]
    per_class = protocol.rows_per_class(
        settings.protocol.train_per_class,
        settings.protocol.train_fraction,
        {"n_train": len(store.splits["train"].labels), "n_classes": store.n_classes},
    )
    return rows if per_class is None else {**rows, "train": min(rows["train"], per_class * store.n_classes)}


def _bytes_mapped(store: Store, estimate: PassEstimate) -> int:
    """Every epoch reads the training rows anew, unless the system keeps them."""
    shared = estimate.members[0].settings.protocol
    seeds = len({member.settings.protocol.seed for member in estimate.members})
    row = store.splits["train"].embeddings.nbytes // len(store.splits["train"].labels)
    return seeds * estimate.steps * shared.batch_size * row


def _head_bytes(store: Store, settings: Settings) -> int:
    shared = settings.protocol
    dims = [store.dim, *shared.hidden_dims, store.n_classes]
    weights = sum(before * after for before, after in pairwise(dims))
    scores = shared.batch_size * sum(dims[1:])
    return (8 if shared.precision == "float64" else 4) * (_STATES * weights + _SCORES * scores)


def _costs(store: Store, members: Sequence[Planned]) -> _Costs:
    """What each run costs; one of every kind is measured."""
    kinds: list[tuple[Any, _Cost | str]] = []  # not all can be hashed
    costs = {}
    for member in members:
        small = _small(member.settings)
        kind = (member.settings.method, member.settings.loss.alike(), train.stack_key(small))
        known = [cost for other, cost in kinds if other == kind]
        costs[member.run_id] = known[0] if known else _measured(store, small)
        if not known:
            kinds.append((kind, costs[member.run_id]))
    return costs


def _small(settings: Settings) -> Settings:
    """The settings but for what makes a run longer or another one, not its steps dearer."""
    length = {"n_epochs": 1, "lr_steps": (), "eval_every": 1, "eval_test": "always"}
    data = {"train_per_class": None, "train_fraction": None, "label_noise": 0.0, "residency": "ram"}
    shared: dict[str, Any] = {"seed": 0, "valid_size": _rows(settings.protocol.batch_size), **length, **data}
    return replace(settings, protocol=replace(settings.protocol, **shared))


def _rows(batch_size: int) -> int:
    return max(2 * batch_size, 1000)


def _measured(store: Store, small: Settings) -> _Cost | str:
    """What a head costs, on random rows; or, of a loss that fails, how it does."""
    rows = 2 * _rows(small.protocol.batch_size)
    stand_in = replace(store, splits={name: _random(store, rows) for name in store.splits})
    try:
        return _timed(stand_in, small)
    except Exception as error:  # whatever a user's loss may raise, when it is the plan that was asked for
        return first_line(f"{type(error).__name__}: {error}")


def _timed(store: Store, small: Settings) -> _Cost:
    began = time.perf_counter()
    stack = train.build(store, [small]).stacks[0]
    build = time.perf_counter() - began
    (x_BD, y_B) = next(stack.splits.train.in_order(small.protocol.batch_size))
    step = median(_seconds(stack, lambda: stack.step(x_BD, y_B)) for _ in range(_STEPS + 1))
    evaluation = _seconds(stack, lambda: stack.evaluate(1, 1))
    return _Cost(build, step, evaluation / (len(stack.splits.valid) + len(stack.splits.test)))


def _random(store: Store, rows: int) -> Split:
    """Rows of the data's sizes and type, without reading the data."""
    generator = np.random.default_rng(0)
    embeddings = generator.standard_normal((rows, store.dim), dtype=np.float32)
    like = store.splits["train"].embeddings.dtype
    return Split(embeddings.astype(like), generator.integers(store.n_classes, size=rows, dtype=np.int32))


def _seconds(stack: Stack, function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    if stack.protocol.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began
