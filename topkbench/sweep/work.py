"""Doing a plan, or a share of it, pass by pass."""

import gc
from collections import deque
from collections.abc import Sequence

from topkbench import train
from topkbench.errors import MemoryShortError, RunError, TopkbenchError
from topkbench.progress import Progress
from topkbench.recording import Planned
from topkbench.sweep.best import Best
from topkbench.sweep.plan import Plan, passes
from topkbench.train import Loaded, Note


def work(plan: Plan, members: Sequence[Planned], heads: int, *, progress: Progress, note: Note) -> None:
    """Train runs of a plan; one that fails is recorded, and the others go on.

    A pass that fails goes on in halves, until it fits in memory, or the run is found that is at fault.

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
    held: Loaded = {}
    best = Best()
    pending = deque(passes(members, heads))
    with progress(len(members), "run", "sweep") as bar:
        while pending:
            together = pending.popleft()
            trouble = _attempt(plan, together, held, progress, best)
            if trouble is None:
                bar.advance(len(together), best.told)
                continue
            gc.collect()  # what it held may be in circles
            half = -(-len(together) // 2)
            note(f"{trouble}; going on with {half} at a time")
            pending.extendleft(reversed(list(passes(together, half))))


def _attempt(plan: Plan, together: Sequence[Planned], held: Loaded, progress: Progress, best: Best) -> str | None:
    """Train a pass; what has ended it, if anything has, in a line (the error itself would keep the pass in memory)."""
    try:
        outcomes = train.train_pass(plan.store, plan.results, together, held=held, progress=progress)
    except (RunError, MemoryShortError):
        return None  # the only run of its pass has failed, and its record says so
    except TopkbenchError:
        raise
    except Exception as error:
        return f"a pass of {len(together)} heads failed: {type(error).__name__}: {error}".partition("\n")[0]
    for outcome in outcomes:
        best.see(outcome.record)
    return None
