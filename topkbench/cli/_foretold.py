"""How a plan and what it takes are shown."""

import json
from collections import Counter
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
    for header in ("heads", "seeds", "steps", "memory", "time"):
        drawn.add_column(header, justify="right")
    for number, each in enumerate(estimate.passes, start=1):
        drawn.add_row(str(number), *map(Text, _cells(each)))
    page.print(drawn, crop=False)
    page.print(Text(_summary(plan, estimate)), soft_wrap=True)


def _cells(each: "PassEstimate") -> list[str]:
    methods = Counter(member.settings.method for member in each.members)
    seeds = {member.settings.protocol.seed for member in each.members}
    shown = ", ".join(f"{count} {method}" for method, count in methods.items())
    return [shown, str(len(each.members)), str(len(seeds)), f"{each.steps:,}", _size(each.memory), _time(each.seconds)]


def _summary(plan: "Plan", estimate: "Estimate") -> str:
    runs = sum(len(each.members) for each in estimate.passes)
    peak = max((each.memory for each in estimate.passes), default=0)
    seconds = sum(each.seconds for each in estimate.passes)
    return (
        f"{len(plan.members)} runs on {plan.store.name}, {len(plan.members) - runs} of them over; {runs} to train in "
        f"{len(estimate.passes)} passes: at most {_time(seconds)} in one process, {_size(estimate.held)} of embeddings "
        f"and {_size(peak)} of heads in memory, {_size(estimate.to_read)} to read"
    )


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
                "seconds": round(each.seconds, 3),
            }
            for each in estimate.passes
        ],
        "bytes_to_read": estimate.to_read,
        "bytes_held": estimate.held,
    }


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
