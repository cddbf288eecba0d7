"""`topkbench bench`: speed, memory and numerical range of every loss."""

import dataclasses
import json
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Option

from topkbench.cli import _progress
from topkbench.cli._command import ManyNames

if TYPE_CHECKING:
    from topkbench.bench import Row, Setting


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(cls=ManyNames)(bench)


def bench(
    method: Annotated[
        list[str] | None, Option(help="Methods; by default all. --method bitonic softsort ./my_loss.py")
    ] = None,
    batch: Annotated[int, Option(help="Samples.")] = 500,
    classes: Annotated[int, Option(help="Classes.")] = 1000,
    m: Annotated[int | None, Option(help="Classes on the short-list; 16 unless there are fewer.")] = None,
    dim: Annotated[int, Option(help="Dimensions of the head that the share of a step is reckoned with.")] = 2048,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="Where to compute.")] = "auto",
    as_json: Annotated[bool, Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Measure forward and backward passes: time, memory, and the scales of scores with accurate gradients.

    Beside difftopk and torchsort where they are installed. OMP_NUM_THREADS sets the threads on a CPU.
    """
    from topkbench import bench as library
    from topkbench.train import choose_device

    setting = library.Setting(
        batch, classes, min(library.Setting.m, classes) if m is None else m, dim, choose_device(device)
    )
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        rows = list(library.measure(method, setting, progress=_progress.progress))
    for note in notes:
        sys.stderr.write(f"note: {note.message}\n")
    if as_json:
        typer.echo(json.dumps(_document(setting, rows), indent=2))
    else:
        _print(setting, rows)


def _document(setting: "Setting", rows: "list[Row]") -> dict[str, object]:
    from topkbench.train import environment

    sizes = dataclasses.asdict(setting) | {"device": setting.device.type}
    return {**sizes, "environment": environment(setting.device), "rows": [dataclasses.asdict(row) for row in rows]}


def _print(setting: "Setting", rows: "list[Row]") -> None:
    import torch
    from rich.table import Table
    from rich.text import Text

    from topkbench.cli import _tables

    table = Table("method", "source", box=None, header_style="bold")
    for header in ("ms", "× cross-entropy", "of a step", "peak MiB", "accurate at scales"):
        table.add_column(header, justify="right")
    for row in rows:
        scales = " to ".join(f"{scale:g}" for scale in row.scales) if row.scales else "none"
        figures = (f"{row.milliseconds:.2f}", f"{row.ratio:.2f}", f"{row.share:.1%}", f"{row.peak_mib:.1f}", scales)
        table.add_row(Text(row.method), Text(row.source), *figures)
    console = _tables.console()
    console.print(table)
    where = f"{setting.device.type}, {torch.get_num_threads()} threads" if setting.device.type == "cpu" else "cuda"
    sizes = f"{setting.classes} classes, m {setting.m}, {setting.dim} dimensions"
    console.print(Text(f"Forward and backward pass, {setting.batch} samples, {sizes}; {where}.", style="dim"))
