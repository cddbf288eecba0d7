"""Doing a plan, or a share of it, pass by pass."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from topkbench import train
from topkbench.allocator import is_out_of_memory
from topkbench.errors import MemoryShortError, RunError, TopkbenchError
from topkbench.progress import Progress
from topkbench.recording import Planned
from topkbench.sweep.best import Best
from topkbench.sweep.plan import Plan, passes
from topkbench.train import Held, Note


def work(plan: Plan, members: Sequence[Planned], heads: int, *, progress: Progress, note: Note) -> None:
    """Train runs of a plan; one that fails is recorded, and the others go on.

    A pass that does not fit in memory goes on in halves, and so do all that follow. One that fails otherwise is halved
    until the run is found that is at fault.

    Args:
        plan: of the whole sweep.
        members: of its runs, those to train.
        heads: how many to train in a pass at most.
        progress: shows the runs and, of each pass, the steps.
        note: is told what goes otherwise than planned.

    Raises:
        DataError: the data are damaged, or the disk is full.
        KeyboardInterrupt: passed on, once the records of the pass say `interrupted`.
    """
    held: Held = {}
    best = Best()
    pending = deque(passes(members, heads))
    with progress(len(members), "run", "sweep") as bar:
        while pending:
            together = pending.popleft()
            trouble = _attempt(plan, together, held, progress, best)
            if trouble is None:
                bar.advance(len(together), best.told)
                continue
            half = -(-len(together) // 2)
            note(f"{trouble.told}; going on with {half} at a time")
            # What is too much for memory once is too much again; what fails otherwise may be one run's fault.
            after = [member for each in pending for member in each] if trouble.of_memory else []
            rest = () if trouble.of_memory else pending
            pending = deque([*passes([*together, *after], half), *rest])


@dataclass(frozen=True)
class _Trouble:
    """What has ended a pass of several runs; not the error itself, which would keep the pass in memory."""

    told: str
    of_memory: bool


def _attempt(plan: Plan, together: Sequence[Planned], held: Held, progress: Progress, best: Best) -> _Trouble | None:
    try:
        outcomes = train.train_pass(plan.store, plan.results, together, held=held, progress=progress)
    except (RunError, MemoryShortError):
        return None  # the only run of its pass has failed, and its record says so
    except TopkbenchError:
        raise
    except Exception as error:
        told = f"a pass of {len(together)} heads failed: {type(error).__name__}: {error}"
        return _Trouble(told, is_out_of_memory(error))
    for outcome in outcomes:
        best.see(outcome.record)
    return None
