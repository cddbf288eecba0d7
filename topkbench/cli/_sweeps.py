"""What the commands on sweeps have in common: which sweep is meant."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from topkbench.cli import _paths
from topkbench.cli._assignments import assignments
from topkbench.errors import UsageError

if TYPE_CHECKING:
    from topkbench.sweep import Plan

Spec = Annotated[str, Argument(metavar="SPEC", help="A TOML file, or NAME/SECTION of a preset.")]
Seeds = Annotated[str | None, Option(help="In place of the specification's: 0-4 or 0,2,7.")]
Set = Annotated[
    list[str] | None,
    Option("--set", metavar="NAME=VALUE", help="Any option, in place of what the specification says of it."),
]


def planned(
    spec: str,
    data: Path | None,
    results: Path,
    seeds: str | None,
    extra: list[str] | None,
    *,
    here: bool = False,
    **everywhere: Any,
) -> "Plan":
    """The plan of a sweep.

    Args:
        spec: a TOML file or a preset.
        data: a prepared file, or None for the only one.
        results: the folder of records.
        seeds: in place of the specification's.
        extra: NAME=VALUE, likewise.
        here: whether it is to be trained on this machine.
        everywhere: options of where and how fast to compute; None leaves one alone.
    """
    path = _paths.data_file(data)
    from topkbench import sweep
    from topkbench.store import open_store

    override: Mapping[str, Any] = assignments(extra or [])
    if seeds is not None and {"seed", "seeds"} & override.keys():
        raise UsageError(f"--seeds {seeds} and --set say the same; give one of them")
    override = override if seeds is None else {**override, "seed": seeds}
    given = {name: value for name, value in everywhere.items() if value is not None}
    return sweep.make(spec, open_store(path), results, override, given, here=here)


def default_workers(plan: "Plan") -> int:
    """One a GPU, or one."""
    from topkbench.sweep import default_workers as count

    return count(plan)
