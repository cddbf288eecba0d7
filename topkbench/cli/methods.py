"""`topkbench methods`: what can be trained, and with which options."""

import inspect
import json
from typing import Annotated, Any, ClassVar

import typer

from topkbench.cli._command import ManyValues
from topkbench.errors import UsageError


class _WithNetwork(ManyValues):
    numbers: ClassVar[tuple[str, ...]] = ()
    names: ClassVar[tuple[str, ...]] = ("--network",)


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(cls=_WithNetwork)(methods)


def methods(
    name: Annotated[str | None, typer.Argument(help="One method, in full.")] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME N [K]",
            help="Draw a comparator network instead: bitonic N, odd_even N, or splitter_selection N K.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """List every method: its paper, options, defaults and needs."""
    if network:
        _print_network(network, name, as_json)
    else:
        _print_methods(name, as_json)


def _print_network(words: list[str], name: str | None, as_json: bool) -> None:
    from topkbench.cli import _networks

    if name:
        raise UsageError(f"{name} and --network are two things to show; give one of them")
    found, wires = _networks.build(words)
    typer.echo(json.dumps(found) if as_json else _networks.draw(found, wires))


def _print_methods(name: str | None, as_json: bool) -> None:
    from topkbench import losses

    found = [_facts(name)] if name else [_facts(each) for each in losses.names()]
    if as_json:
        typer.echo(json.dumps(found[0] if name else found, indent=2))
    elif name:
        _print_one(found[0])
    else:
        _print_all(found)


def _facts(name: str) -> dict[str, Any]:
    from topkbench import losses

    loss = losses.find(name)
    options = {**losses.options(name), **losses.with_alias_options(name, {})}
    return {
        "method": losses.canonical(name),
        "aliases": list(loss.aliases),
        "paper": loss.paper,
        "options": {option: value for option, value in options.items() if option != losses.JUDGED},
        "choices": loss.choices,
        "head": loss.head,
        "needs": list(loss.needs),
        "lacks": loss.lacks,
        "about": (inspect.getdoc(loss) or "").split(">>>")[0].strip(),  # its worked example is for readers of the code
    }


def _print_all(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from topkbench.cli import _tables

    table = Table("method", "paper", "needs", box=None, header_style="bold")
    table.add_column("options and defaults", overflow="fold")
    for facts in found:
        options = ", ".join(f"{option}={_shown(default)}" for option, default in facts["options"].items())
        table.add_row(facts["method"], facts["paper"], ", ".join(facts["needs"]) or "–", options)
    _tables.console().print(table)


def _print_one(facts: dict[str, Any]) -> None:
    for key in ("method", "aliases", "paper", "head", "needs"):
        value = facts[key]
        typer.echo(f"{key:8} {', '.join(value) or '–' if isinstance(value, list) else value}")
    for option, default in facts["options"].items():
        words = ", ".join(facts["choices"].get(option, ()))
        typer.echo(f"option   {option} = {_shown(default)}" + (f" ({words})" if words else ""))
    for lacking, reason in facts["lacks"].items():
        typer.echo(f"lacks    {lacking}: {reason}")
    typer.echo(f"\n{facts['about']}")


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return " ".join(f"{value:g}" for value in default)
    return "none" if default is None else str(default)
