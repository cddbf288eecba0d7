"""Training a recorded run once more, from its record alone, to see whether it comes to the same result."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from topkbench import comparison, runs, settings, train
from topkbench.comparison import Difference, Pair
from topkbench.errors import UsageError
from topkbench.progress import Progress, silent
from topkbench.recording import Planned
from topkbench.runs import Record
from topkbench.store import Store, open_store


@dataclass(frozen=True)
class Rerun:
    """What came of training a run once more.

    Attributes:
        old: its record.
        new: what it has come to this time; done, or failed where it has diverged.
        folder: where the new record lies; None where it was kept out, as that of a finished run lies there.
        difference: the first between the two results; of a run that was not done, in the evaluations that it has.
    """

    old: Record
    new: Record
    folder: Path | None
    difference: Difference | None

    @property
    def environment(self) -> Mapping[str, Pair]:
        """Versions and machine, where they are others than they were."""
        return comparison.environments(self.old, self.new)


def rerun(
    old: Record,
    data: Path,
    results: Path,
    *,
    method: str | None = None,
    device: str | None = None,
    residency: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Rerun:
    """Train a recorded run once more and compare.

    The new record goes where `train` would write it, unless that of a finished run is there: a result that is checked
    is not replaced by the check.

    Args:
        old: its record.
        data: the prepared file.
        results: the folder of records.
        method: the user's own file, of a run of one.
        device: where to compute; None: where the run did.
        residency: where the embeddings are held; None: where there is room, which changes no result.
        force: replace the record though it is done. A run that fails or is stopped replaces none even then.
        progress: shows the steps.

    Raises:
        UsageError: the data, the method's file or what is known of the classes are not those of the record.
        RunError: the run failed otherwise than by diverging.
        DataError: the data are damaged, or memory or disk are too small.
        KeyboardInterrupt: passed on.
    """
    store = _store(data, old)
    member = _planned(old, store, method, device, residency)
    there = runs.find(results, store.name, old.run_id)
    is_finished = there is not None and there.status == "done"
    with TemporaryDirectory() as aside:
        home = results if force or not is_finished else Path(aside)
        (outcome,) = train.train_pass(store, home, [member], progress=progress)
    new = Record(**json.loads(outcome.record.to_json()))  # as a file would have it: a loss that is not finite is null
    is_kept = home == results and not (is_finished and new.error)
    return Rerun(old, new, outcome.folder if is_kept else None, _compared(old, new))


def _store(data: Path, old: Record) -> Store:
    """The data, under the name that they bear in the record."""
    store = open_store(data)
    if store.checksum != (recorded := old.data.get("checksum")):
        cure = f"give --data the file {old.data['name']}.h5 as it was then, or prepare its dump anew"
        raise UsageError(f"{data} has the checksum {store.checksum}, the data of {old.run_id} {recorded}; {cure}")
    return replace(store, name=old.data["name"])


def _planned(old: Record, store: Store, method: str | None, device: str | None, residency: str | None) -> Planned:
    """The run that the record says; a name of another one betrays what neither data nor config hold."""
    recorded = settings.of_record(old.config, old.origin, train.facts(store), method)
    own = recorded.protocol
    here = replace(own, device=device or own.device, residency=residency or "auto")
    known = train.hierarchy_of(store)
    member = train.plan(store, train.placed(replace(recorded, protocol=here), store), known)
    if member.run_id != old.run_id:
        why = "their classes or hierarchy, the method's options or the record itself have changed since"
        raise UsageError(f"with these data the record of {old.run_id} is one of {member.run_id}: {why}; train it anew")
    return member


def _compared(old: Record, new: Record) -> Difference | None:
    if old.status == "done":
        return comparison.first_difference(old, new)
    return comparison.of_histories(old.history, new.history[: len(old.history)])
