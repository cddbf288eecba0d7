"""Records as other processes write them."""

from collections.abc import Sequence

from topkbench import runs
from topkbench.recording import Planned
from topkbench.sweep.plan import Plan

_Stamp = tuple[int, int] | None  # of a record that is there: which file it is, and when it was written


class Arrivals:
    """The records of some runs that come to be over; those that lie there already are not of interest.

    A file is looked at often, but read only when it is another one: a large record takes milliseconds to parse.

    Args:
        plan: of the sweep.
        members: of its runs, those that are awaited.
    """

    def __init__(self, plan: Plan, members: Sequence[Planned]) -> None:
        self._results, self._dataset = plan.results, plan.store.name
        self._awaited = {member.run_id: self._stamp(member.run_id) for member in members}

    def take(self) -> list[runs.Record]:
        """What has arrived since the last time; each record once."""
        stamps = {run_id: self._stamp(run_id) for run_id in self._awaited}
        changed = [run_id for run_id, stamp in stamps.items() if stamp not in (None, self._awaited[run_id])]
        self._awaited = stamps
        found = [runs.find(self._results, self._dataset, run_id) for run_id in changed]
        arrived = [record for record in found if record and record.status in ("done", "failed")]
        for record in arrived:
            self._awaited.pop(record.run_id, None)
        return arrived

    def _stamp(self, run_id: str) -> _Stamp:
        try:
            file = (runs.folder(self._results, self._dataset, run_id) / runs.RECORD).stat()
        except FileNotFoundError:
            return None
        return file.st_ino, file.st_mtime_ns
