"""The only composer: a data set and settings of runs in, their records out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from topkbench import batches, hierarchy, partition, protocol, runs, settings
from topkbench.allocator import is_out_of_memory, keep_freed_memory
from topkbench.batches import Embeddings
from topkbench.errors import MemoryShortError, RunError, TopkbenchError, UsageError
from topkbench.hierarchy import Hierarchy
from topkbench.passes import Pass
from topkbench.problem import Problem
from topkbench.progress import Progress, silent
from topkbench.recording import Outcome, Planned, Recorder
from topkbench.settings import Settings
from topkbench.stack import Splits, Stack, head_key, is_captured
from topkbench.store import Store, open_store
from topkbench.training_options import Protocol

Loaded = dict[tuple[str, str, str], Embeddings]
"""Embeddings that are in memory already, by split, residency and device."""
Note = Callable[[str], None]
"""Says something to whoever looks on."""


def train(
    data: Path,
    results: Path,
    method: str | None,
    chosen: Mapping[str, Any],
    *,
    preset: str | None = None,
    force: bool = False,
    progress: Progress = silent,
    note: Note = lambda _: None,
) -> Outcome:
    """Train one run and save its record; a run that is done already is only looked up.

    One whose costs are not those of the hierarchy that the data have now runs anew: what the k best classes were, which
    the best costs depend on, is not stored.

    Args:
        data: a prepared file.
        results: the folder of records.
        method: name, alias or file; None leaves it to the preset.
        chosen: the options that the user gave, by name.
        preset: NAME/SECTION.
        force: run it anew though it is done.
        progress: shows the steps.
        note: is told why a run that is done runs anew.

    Raises:
        UsageError: an option does not exist or does not fit the method or the data.
        RunError: the run failed or diverged; its record says so.
        DataError: the data are damaged, or memory or disk are too small.
        KeyboardInterrupt: passed on, once the record says `interrupted`.
    """
    store = open_store(data)
    known = hierarchy_of(store)
    planned = plan(store, placed(settings.resolve(method, chosen, facts(store), preset), store), known)
    done = runs.find(results, store.name, planned.run_id)
    if done and done.status == "done" and not force:
        if has_costs_of(known, done, planned.settings):
            return Outcome(done, runs.folder(results, store.name, planned.run_id), was_done=True)
        note(f"{planned.run_id} is done, but without the costs of the hierarchy that the data have now; it runs anew")
    (outcome,) = train_pass(store, results, [planned], progress=progress)
    if outcome.record.error:
        raise RunError(f"{planned.run_id} {outcome.record.error}")
    return outcome


def has_costs_of(known: Hierarchy | None, done: runs.Record, resolved: Settings) -> bool:
    """Whether a record's costs were measured with this hierarchy; where there is none, whatever it holds stays true."""
    return known is None or resolved.needs_hierarchy or done.data.get("hierarchy") == known.checksum


def plan(store: Store, resolved: Settings, known: Hierarchy | None) -> Planned:
    """A run of these settings, by the name that its record will have.

    Args:
        store: the data.
        resolved: the settings.
        known: the hierarchy of the data's classes.

    Raises:
        UsageError: the data lack what the method or the protocol needs. It is better told before there is a folder.
    """
    _require(store, resolved, known)
    identity = resolved.identity(store.checksum, store.n_classes, known.checksum if known else None)
    return Planned(runs.run_id(resolved.method, identity), resolved)


def train_pass(
    store: Store, results: Path, members: Sequence[Planned], *, held: Loaded | None = None, progress: Progress = silent
) -> list[Outcome]:
    """Train runs together and save the record of each, also of those that diverge.

    Args:
        store: the data.
        results: the folder of records.
        members: runs that share their `stack_key`; those of one seed are best next to each other.
        held: embeddings that earlier passes have loaded; those of this one are added.
        progress: shows the steps.

    Raises:
        UsageError: the data lack what a method needs.
        RunError: the only run has failed; its record says so.
        MemoryShortError: the only run does not fit in memory; its record says so.
        DataError: the data are damaged, or the disk is full.
        Exception: whatever has ended a pass of several runs, which leaves no records.
        KeyboardInterrupt: passed on, once the records say `interrupted`.
    """
    recorder = Recorder(store, results, members)
    try:
        together = build(store, [member.settings for member in members], held)
        recorder.watch(together)
        together.train(progress)
    except TopkbenchError:
        raise  # refused before the first step: there is no run to record
    except KeyboardInterrupt:
        recorder.save_all("interrupted", "interrupted by the user")
        raise
    except Exception as error:
        if len(members) > 1:
            raise
        recorder.save_failure(error)
        if is_out_of_memory(error):
            cure = "use a smaller --batch-size or --residency mmap"
            raise MemoryShortError(f"out of memory: {error}; {cure}") from error
        raise RunError(f"{members[0].run_id} failed: {type(error).__name__}: {error}") from error
    return recorder.save_results()


def facts(store: Store) -> dict[str, Any]:
    """What the settings may depend on: the sizes of a data set and of its classes."""
    labels = np.asarray(store.splits["train"].labels)
    class_rows = np.bincount(labels[labels >= 0], minlength=store.n_classes).tolist()
    sizes = {"n_train": len(labels), "n_classes": store.n_classes, "dim": store.dim, "class_rows": class_rows}
    own = {"n_valid": len(store.splits["valid"].labels)} if "valid" in store.splits else {}
    return sizes | own


def build(
    store: Store, members: Sequence[Settings], held: Loaded | None = None, *, stacked: bool | None = None
) -> Pass:
    """Everything that a pass needs, in the order of the protocol's draws.

    Args:
        store: the data.
        members: runs that share their `stack_key`; those of one seed are best next to each other.
        held: embeddings that are loaded already; those of this pass are added.
        stacked: whether the heads of one seed are one stack; None: on a GPU, where that is faster (`passes`).

    Raises:
        UsageError: the data have no test split, or lack what a method needs.
        DataError: the embeddings do not fit where they were told to be.
        ValueError: the runs differ in more than `stack_key` allows.
    """
    shared = members[0].protocol
    if any(stack_key(member) != stack_key(members[0]) for member in members):
        raise ValueError("runs of one pass share their head and their protocol, all but seed, rate and weight decay")
    if shared.device == "cpu":
        keep_freed_memory()
    known = hierarchy_of(store)
    embeddings = _held(store, shared, {} if held is None else held)
    stacked = shared.device == "cuda" if stacked is None else stacked
    by_seed = groupby(members, key=lambda member: member.protocol.seed)
    lanes = [_lane(store, list(of_one_seed), known, embeddings, stacked) for _, of_one_seed in by_seed]
    return Pass(lanes, known.checksum if known else None)


class StackKey(NamedTuple):
    """What runs that are trained in one pass have in common."""

    head: str
    head_options: dict[str, Any]
    is_captured: bool
    protocol: Protocol


def stack_key(member: Settings) -> StackKey:
    """What a run has in common with those that it may be trained with.

    Runs of one seed share split, initial values and batch order. Those of several seeds take their steps together where
    they have equally many, which subsets of the rows need not.
    """
    own = member.protocol
    is_subset = own.train_per_class is not None or own.train_fraction is not None
    shared = replace(own, nloglr=0.0, weight_decay=0.0, seed=own.seed if is_subset else 0)
    return StackKey(*head_key(member.loss), is_captured(member), shared)


def _lane(
    store: Store, members: Sequence[Settings], known: Hierarchy | None, held: Mapping[str, Embeddings], stacked: bool
) -> list[Stack]:
    """The runs of one seed; each draws its initial values from a copy of the stream."""
    shared = members[0].protocol
    device = torch.device(shared.device)
    generator = protocol.stream(shared.seed)
    splits = _splits(store, shared, generator, held, known)
    dims = [store.dim, *shared.hidden_dims, store.n_classes]
    for member in members:
        _require(store, member, known)
    shares = [members] if stacked else [[member] for member in members]
    stacks = []
    for share in shares:
        problem = _problem(known, device, protocol.noise(shared.seed, "method", device))
        stacks.append(Stack(share, splits, dims, generator.clone_state(), device, problem))
    return stacks


def hierarchy_of(store: Store) -> Hierarchy | None:
    """The hierarchy of a data set's classes, its distances kept beside the file; None where there is none.

    Raises:
        DataError: a class is nowhere in it.
    """
    known = (store.class_ids, store.class_names, store.parents, store.distances)
    return hierarchy.of(store.n_classes, *known, cache_beside=store.path)


def placed(resolved: Settings, store: Store) -> Settings:
    """The settings with `auto` resolved: on which device, and where the embeddings are held.

    Raises:
        UsageError: cuda was asked for and there is none.
    """
    device = choose_device(resolved.protocol.device)
    residency = resolved.protocol.residency
    if residency == "auto":
        residency = batches.choose(sum(part.embeddings.nbytes for part in store.splits.values()), device)
    return replace(resolved, protocol=replace(resolved.protocol, device=device.type, residency=residency))


def choose_device(name: str) -> torch.device:
    """A GPU where there is one, or what the user said.

    Raises:
        UsageError: cuda was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine has no CUDA device that torch can use; use --device cpu")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _held(store: Store, shared: Protocol, held: Loaded) -> dict[str, Embeddings]:
    """The embeddings of each split, loaded where they are not yet."""
    found = {}
    for name, split in store.splits.items():
        key = (name, shared.residency, shared.device)
        if key not in held:
            held[key] = batches.hold(split.embeddings, shared.residency, torch.device(shared.device))
        found[name] = held[key]
    return found


def _splits(
    store: Store,
    shared: Protocol,
    generator: torch.Generator,
    held: Mapping[str, Embeddings],
    known: Hierarchy | None,
) -> Splits:
    dtype = torch.float64 if shared.precision == "float64" else torch.float32
    tree = None if known is None else known.parents
    family_C = None if tree is None else torch.from_numpy(tree[: store.n_classes])
    parts = partition.parts(store, shared, generator, family_C)
    rows = {
        role: batches.Rows(held[part.split], part.labels.to(shared.device), part.index, dtype)
        for role, part in parts.items()
    }
    return Splits(**rows)


def _problem(known: Hierarchy | None, device: torch.device, generator: torch.Generator) -> Problem:
    """What is known of the classes, on the device."""
    if known is None:
        return Problem(generator=generator)
    parents = None if known.parents is None else torch.from_numpy(known.parents).to(device)
    return Problem(torch.from_numpy(np.array(known.distances)).to(device), parents, generator=generator)


def _require(store: Store, resolved: Settings, known: Hierarchy | None) -> None:
    has_tree = known is not None and known.parents is not None
    partition.require(store, resolved.protocol, has_tree=has_tree)
    there = {"generator": True, "distances": known is not None, "parents": has_tree}
    for need in resolved.loss.needs:
        if not there.get(need):
            who = resolved.method if need in type(resolved.loss).needs else f"loss = {resolved.config()['loss']}"
            cure = "give them a hierarchy with 'topkbench prepare --hierarchy FILE'"
            raise UsageError(f"{who} needs {need} of the classes, which these data do not have; {cure}")
