"""How a plan and what it takes are shown."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from topkbench.sweep import Estimate, PassEstimate, Plan


def show(plan: "Plan", estimate: "Estimate", as_json: bool) -> None:
    """Print the passes that are to come, and what they take."""
    if as_json:
        typer.echo(json.dumps(_document(plan, estimate), indent=2))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from topkbench.cli import _tables

    page = _tables.console()
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    drawn.add_column("pass", justify="right")
    drawn.add_column("runs")
    for header in ("heads", "seeds", "steps", "memory", "at most"):
        drawn.add_column(header, justify="right")
    for number, each in enumerate(estimate.passes, start=1):
        drawn.add_row(str(number), *map(Text, _cells(each)))
    page.print(drawn, crop=False)
    page.print(Text("\n".join([_summary(plan, estimate), *_faults(estimate)])), soft_wrap=True)


def _cells(each: "PassEstimate") -> list[str]:
    methods = Counter(member.settings.method for member in each.members)
    seeds = {member.settings.protocol.seed for member in each.members}
    shown = ", ".join(f"{count} {method}" for method, count in methods.items())
    return [shown, str(len(each.members)), str(len(seeds)), f"{each.steps:,}", _size(each.memory), _time(each.seconds)]


def _summary(plan: "Plan", estimate: "Estimate") -> str:
    statuses = Counter(plan.statuses().values())
    runs = sum(len(each.members) for each in estimate.passes)
    peak = max((each.memory for each in estimate.passes), default=0)
    return (
        f"{_count(len(plan.members), 'run')} on {plan.store.name}: {statuses['done']} done, {statuses['failed']} "
        f"failed; {runs} to train in {_count(len(estimate.passes), 'pass')}: {_total(estimate.passes)} in one process, "
        f"{_size(estimate.held)} of embeddings and {_size(peak)} of heads in memory, {_size(estimate.to_read)} to read"
    )


def _total(passes: "Sequence[PassEstimate]") -> str:
    known = [each.seconds for each in passes if each.seconds is not None]
    unknown = _count(len(passes) - len(known), "pass")
    return f"at most {_time(sum(known))}" + (f" and {unknown} of unknown time" if len(known) < len(passes) else "")


def _faults(estimate: "Estimate") -> list[str]:
    return [f"{run_id} is not timed, as its steps fail: {why}" for run_id, why in estimate.faults.items()]


def _count(number: int, what: str) -> str:
    """How many runs or passes.

    >>> _count(1, "pass"), _count(2, "pass"), _count(0, "run")
    ('1 pass', '2 passes', '0 runs')
    """
    plural = "es" if what.endswith("s") else "s"
    return f"{number} {what}" if number == 1 else f"{number} {what}{plural}"


def _document(plan: "Plan", estimate: "Estimate") -> dict[str, Any]:
    return {
        "sweep": plan.name,
        "dataset": plan.store.name,
        "runs": plan.statuses(),
        "passes": [
            {
                "runs": [member.run_id for member in each.members],
                "steps": each.steps,
                "memory_bytes": each.memory,
                "seconds": each.seconds and round(each.seconds, 3),
            }
            for each in estimate.passes
        ],
        "bytes_to_read": estimate.to_read,
        "bytes_held": estimate.held,
        "faults": estimate.faults,
    }


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _time(seconds: float | None) -> str:
    """A time in words; the fewer seconds, the finer.

    >>> _time(0.0213), _time(4.21), _time(75), _time(7380), _time(None)
    ('0.021 s', '4.2 s', '1 min 15 s', '2 h 03 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    if seconds < 9.5:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
