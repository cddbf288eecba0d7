"""`topkbench prepare`: dumps → stores."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from topkbench.cli._paths import DATA
from topkbench.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(prepare)


def prepare(
    dumps: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DUMP", help="Files or folders of embeddings; by default, all that is in data/."),
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="The file to write; makes one set of all dumps given.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="ROLE=KEY", help="Name a key, as train_embeddings=features."),
    ] = None,
    dtype: Annotated[
        Literal["keep", "float16", "float32"],
        typer.Option(help="Store embeddings as; keep leaves float16 and float32."),
    ] = "keep",
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="imagenet-1k, imagenet-21k-p, or a file of class ids."),
    ] = None,
    hierarchy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="cifar-100, or a file: child,parent lines, JSON, or distances; WordNet needs none.",
        ),
    ] = None,
    test_fraction: Annotated[
        float | None, typer.Option(help="Make a stratified test split of this part of the training rows.")
    ] = None,
    split_seed: Annotated[int, typer.Option(help="Seed of that split.")] = 0,
    allow_nonfinite: Annotated[bool, typer.Option("--allow-nonfinite", help="Keep NaN and infinity.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Convert dumps of embeddings to memory-mapped files in data/; bare, all dumps there, or the demo set."""
    from topkbench import prepare as library
    from topkbench.cli._progress import note, progress

    mapping = _mapping(map_ or [])
    options = library.Options(mapping, dtype, classes, test_fraction, split_seed, allow_nonfinite, hierarchy)
    jobs = library.plan(dumps or [], out, note, DATA, overwrite=overwrite)
    stores = library.prepare_all(jobs, options, overwrite=overwrite, progress=progress, note=note)
    if as_json:
        typer.echo(json.dumps([library.summary(store) for store in stores], indent=2))
    else:
        for store in stores:
            typer.echo(store.path)


def _mapping(pairs: list[str]) -> dict[str, str]:
    """Read ROLE=KEY pairs; a key may hold further `=`.

    >>> _mapping(["train_labels=y=1"])
    {'train_labels': 'y=1'}
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        role, _, key = pair.partition("=")
        if not role or not key:
            raise UsageError(f"--map {pair!r} must be ROLE=KEY, as train_embeddings=features")
        if role in mapping:
            raise UsageError(f"{role} is mapped twice, to {mapping[role]!r} and {key!r}; give it once")
        mapping[role] = key
    return mapping
