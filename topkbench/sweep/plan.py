"""What a sweep is to run, in which passes, and what of it is done already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from topkbench import runs, settings, train
from topkbench.errors import UsageError
from topkbench.hierarchy import Hierarchy
from topkbench.recording import Planned
from topkbench.settings import Settings
from topkbench.store import Store
from topkbench.sweep import spec
from topkbench.train import StackKey

MISSING = "missing"


@dataclass(frozen=True)
class Plan:
    """Every run of a sweep once, those that can be trained together next to each other.

    Attributes:
        name: of the specification.
        store: the data.
        results: the folder of records.
        members: the runs.
        hierarchy: of the data's classes, if they have one.
    """

    name: str
    store: Store
    results: Path
    members: Sequence[Planned]
    hierarchy: Hierarchy | None

    def record(self, member: Planned) -> runs.Record | None:
        """Of a run, if it has one."""
        return runs.find(self.results, self.store.name, member.run_id)

    def statuses(self, members: Sequence[Planned] | None = None) -> dict[str, str]:
        """Run id -> done, failed, interrupted or missing, of some runs or all, read from the results folder."""
        return {member.run_id: self._status(member) for member in (self.members if members is None else members)}

    def _status(self, member: Planned) -> str:
        record = self.record(member)
        # One that is done, but without the costs of the hierarchy that the data have now, is missing them.
        stale = record and record.status == "done" and not train.has_costs_of(self.hierarchy, record, member.settings)
        return record.status if record and not stale else MISSING

    def todo(self, members: Sequence[Planned], retry_failed: bool) -> list[Planned]:
        """Those of some runs that are still to be trained: also those that were interrupted."""
        left = {MISSING, "interrupted"} | ({"failed"} if retry_failed else set())
        statuses = self.statuses(members)
        return [member for member in members if statuses[member.run_id] in left]

    def share(self, part: int, parts: int) -> list[Planned]:
        """Part 1..parts of the runs: what one of several workers takes, whatever is done already.

        It depends on the plan alone, so that workers need not speak with each other.
        """
        ends = [len(self.members) * i // parts for i in (part - 1, part)]
        return list(self.members[ends[0] : ends[1]])


def make(
    specification: str,
    store: Store,
    results: Path,
    override: Mapping[str, Any],
    everywhere: Mapping[str, Any],
    *,
    here: bool = True,
) -> Plan:
    """Plan a sweep.

    Args:
        specification: the path of a TOML file, or a preset's name.
        store: the data.
        results: the folder of records.
        override: options in place of what the specification says of them, in its own forms.
        everywhere: where and how fast to compute: options that make no other run.
        here: whether it is to be trained on this machine; otherwise device and residency stay as they were asked for.

    Raises:
        UsageError: there is no such specification, or a run of it cannot be.
    """
    facts, known = train.facts(store), train.hierarchy_of(store)
    places = _Places(store) if here else None
    found: dict[str, Planned] = {}
    for line in spec.read(specification, override):
        try:
            chosen = {**line.chosen, **everywhere}
            resolved = settings.resolve_line(line.method, chosen, facts, line.preset, line.preset_name)
            member = train.plan(store, places.placed(resolved) if places else resolved, known)
        except UsageError as error:
            raise UsageError(f"{line.where}: {error}") from error
        found.setdefault(member.run_id, member)
    return Plan(specification, store, results, _neighbourly(list(found.values())), known)


class _Places:
    """Where `auto` leads, looked up once a plan: the free memory is another one a moment later."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[tuple[str, str], dict[str, Any]] = {}

    def placed(self, resolved: Settings) -> Settings:
        """The settings with device and residency as they are on this machine."""
        asked = (resolved.protocol.device, resolved.protocol.residency)
        if asked not in self._found:
            own = train.placed(resolved, self._store).protocol
            self._found[asked] = {"device": own.device, "residency": own.residency}
        return replace(resolved, protocol=replace(resolved.protocol, **self._found[asked]))


def passes(members: Sequence[Planned], heads: int) -> Iterator[list[Planned]]:
    """Runs that share their `train.stack_key`, up to so many heads at a time."""
    for _, alike in groupby(members, key=lambda member: train.stack_key(member.settings)):
        together = list(alike)
        yield from (together[at : at + heads] for at in range(0, len(together), heads))


def _neighbourly(members: list[Planned]) -> list[Planned]:
    """Those of one stack key side by side, in it those of one seed, in it those whose losses are alike.

    Where they are computed does not count: shares are cut out of this order, which must be the same on every machine.
    """
    columns = [
        _ordinals(_anywhere(train.stack_key(each.settings)) for each in members),
        _ordinals(each.settings.protocol.seed for each in members),
        _ordinals(each.settings.loss.alike() for each in members),
    ]
    places = list(zip(*columns, strict=True))
    return [members[at] for at in sorted(range(len(members)), key=places.__getitem__)]


def _anywhere(key: StackKey) -> tuple[Any, ...]:
    return key.head, key.head_options, key.protocol.identity()


def _ordinals(values: Iterable[Any]) -> Iterator[int]:
    """Equal values as equal numbers, counted as they come; not all can be hashed."""
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
        yield distinct.index(value)
