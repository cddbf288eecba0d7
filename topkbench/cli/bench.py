"""`topkbench bench`: speed, memory and numerical range of every loss."""

import dataclasses
import json
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Option

from topkbench.cli import _progress
from topkbench.cli._command import ManyNames
from topkbench.errors import UsageError

if TYPE_CHECKING:
    import torch

    from topkbench.bench import Row, Setting
    from topkbench.bench.polynomials import PolynomialRow


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(cls=ManyNames)(bench)


def bench(
    method: Annotated[
        list[str] | None, Option(help="Methods; by default all. --method bitonic softsort ./my_loss.py")
    ] = None,
    family: Annotated[
        Literal["losses", "smooth"],
        Option(help="losses, or smooth: the polynomials of the smooth top-k SVM, by summation and by a tree."),
    ] = "losses",
    batch: Annotated[int, Option(help="Samples.")] = 500,
    classes: Annotated[int, Option(help="Classes.")] = 1000,
    m: Annotated[int | None, Option(help="Classes on the short-list; 16 unless there are fewer.")] = None,
    dim: Annotated[
        int | None, Option(help="Dimensions of the head that the share of a step is reckoned with; 2048.")
    ] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="Where to compute.")] = "auto",
    as_json: Annotated[bool, Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Measure forward and backward passes: time, memory, and the scales of scores with accurate gradients.

    Beside difftopk and torchsort where they are installed. OMP_NUM_THREADS sets the threads on a CPU.
    """
    from topkbench.train import choose_device

    if family == "smooth":
        for option, given in (("--method", method), ("--m", m), ("--dim", dim)):
            if given is not None:
                raise UsageError(f"{option} has no effect with --family smooth; leave it out")
        _bench_polynomials(batch, classes, choose_device(device), as_json)
    else:
        _bench_losses(method, batch, classes, m, dim, choose_device(device), as_json)


def _bench_losses(
    method: list[str] | None,
    batch: int,
    classes: int,
    m: int | None,
    dim: int | None,
    device: "torch.device",
    as_json: bool,
) -> None:
    from topkbench import bench as library

    default = library.Setting
    setting = default(
        batch, classes, min(default.m, classes) if m is None else m, default.dim if dim is None else dim, device
    )
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        rows = list(library.measure(method, setting, progress=_progress.progress))
    for note in notes:
        sys.stderr.write(f"note: {note.message}\n")
    if as_json:
        typer.echo(_document(dataclasses.asdict(setting), device, rows))
    else:
        _print(setting, rows)


def _bench_polynomials(batch: int, classes: int, device: "torch.device", as_json: bool) -> None:
    from topkbench.bench import polynomials

    rows = list(polynomials.measure(batch, classes, device, progress=_progress.progress))
    if as_json:
        typer.echo(_document({"batch": batch, "classes": classes}, device, rows))
        return
    cells = [
        (row.algorithm, row.dtype, str(row.k), f"{row.forward:.2f}", f"{row.backward:.2f}", f"{row.peak_mib:.1f}",
         " ".join(f"{tau:g}" for tau in row.accurate) or "none")
        for row in rows
    ]  # fmt: skip
    headers = ("k", "forward ms", "backward ms", "peak MiB", "accurate at τ")
    _draw(("algorithm", "type"), headers, cells, f"{batch} samples, {classes} classes; {_where(device)}.")


def _document(sizes: dict[str, Any], device: "torch.device", rows: "Sequence[Row] | Sequence[PolynomialRow]") -> str:
    from topkbench.recording import environment

    found = [dataclasses.asdict(row) for row in rows]
    return json.dumps({**sizes, "device": device.type, "environment": environment(device), "rows": found}, indent=2)


def _print(setting: "Setting", rows: "list[Row]") -> None:
    cells = []
    for row in rows:
        scales = " to ".join(f"{scale:g}" for scale in row.scales) if row.scales else "none"
        figures = (f"{row.milliseconds:.2f}", f"{row.ratio:.2f}", f"{row.share:.1%}", f"{row.peak_mib:.1f}", scales)
        cells.append((row.method, row.source, *figures))
    headers = ("ms", "× cross-entropy", "of a step", "peak MiB", "accurate at scales")
    sizes = f"{setting.batch} samples, {setting.classes} classes, m {setting.m}, {setting.dim} dimensions"
    _draw(("method", "source"), headers, cells, f"Forward and backward pass, {sizes}; {_where(setting.device)}.")


def _draw(names: Sequence[str], figures: Sequence[str], cells: Sequence[Sequence[str]], caption: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from topkbench.cli import _tables

    table = Table(*names, box=None, header_style="bold")
    for header in figures:
        table.add_column(header, justify="right")
    for row in cells:
        table.add_row(*map(Text, row))
    console = _tables.console()
    console.print(table)
    console.print(Text(caption, style="dim"))


def _where(device: "torch.device") -> str:
    import torch

    return f"{device.type}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type
