"""`topkbench train`: train one run and record it."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Option

from topkbench.cli import _options, _paths, _progress
from topkbench.cli._assignments import assignments
from topkbench.cli._command import ManyValues

if TYPE_CHECKING:
    from topkbench.recording import Outcome

# How the command runs and prints; every other option is a setting of the run.
_CONTROLS = ("method", "data", "results", "preset", "force", "as_json", "extra")


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(cls=ManyValues)(train)


def _count_or_none(text: str) -> int | str:
    if text != "none" and not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is neither a whole number nor none")
    return text if text == "none" else int(text)


def train(
    context: typer.Context,
    method: Annotated[str | None, Option(help="A name that `topkbench methods` lists, or ./my_loss.py.")] = None,
    p_k: Annotated[
        list[float] | None, Option(help="Weights of the top-1, top-2, … objectives: --p-k .5 0 0 0 .5")
    ] = None,
    data: _options.Data = None,
    results: _options.Results = _options.RESULTS,
    preset: Annotated[str | None, Option(help="NAME/SECTION: the settings of a paper's table.")] = None,
    seed: Annotated[int | None, Option(help="Seed of the split, the initial values and the batch order.")] = None,
    n_epochs: Annotated[int | None, Option(help="Passes over the training rows.")] = None,
    nloglr: Annotated[float | None, Option(help="The learning rate is 10^-NLOGLR.")] = None,
    lr_steps: Annotated[
        list[int] | None, Option(help="Epochs from which on the learning rate is ten times smaller: --lr-steps 10 15")
    ] = None,
    optimizer: Annotated[Literal["adam", "sgd"] | None, Option(help="What updates the weights.")] = None,
    momentum: Annotated[float | None, Option(help="Of sgd.")] = None,
    nesterov: Annotated[bool | None, Option("--nesterov/--no-nesterov", help="Nesterov's momentum.")] = None,
    weight_decay: Annotated[float | None, Option(help="Of either optimizer.")] = None,
    batch_size: Annotated[int | None, Option(help="Rows a step.")] = None,
    m: Annotated[Any, Option(parser=_count_or_none, metavar="INTEGER|none", help="Classes on the short-list.")] = None,
    inverse_temperature: Annotated[float | None, Option(help="The larger, the harder the relaxation.")] = None,
    distribution: Annotated[str | None, Option(help="What relaxes a comparator: logistic_phi, cauchy, …")] = None,
    art_lambda: Annotated[float | None, Option(help="λ of logistic_phi.")] = None,
    top1_mode: Annotated[Literal["sm", "smce", "sort"] | None, Option(help="Where the top-1 part comes from.")] = None,
    embedding_dim: Annotated[int | None, Option(help="Dimensions of the space that holds prototypes.")] = None,
    hidden_dims: Annotated[list[int] | None, Option(help="Hidden layers: --hidden-dims 512 256")] = None,
    apply_relu: Annotated[bool | None, Option("--apply-relu", help="ReLU on the embeddings.")] = None,
    apply_dropout: Annotated[
        bool | None, Option("--apply-dropout", help="Dropout of one half on the embeddings while training.")
    ] = None,
    valid_size: Annotated[int | None, Option(help="Training rows kept apart for validation.")] = None,
    train_per_class: Annotated[
        Any,
        Option(
            parser=_count_or_none,
            metavar="INTEGER|none",
            help="Training rows to keep of each class; validation is balanced then, too.",
        ),
    ] = None,
    train_fraction: Annotated[float | None, Option(help="The same, as a share of the average class.")] = None,
    label_noise: Annotated[float | None, Option(help="Probability that a training row's label is drawn anew.")] = None,
    noise: Annotated[
        Literal["block", "siblings"] | None, Option(help="Drawn from a block of classes, or from siblings in the tree.")
    ] = None,
    noise_block: Annotated[int | None, Option(help="Consecutive classes that form a block.")] = None,
    eval_every: Annotated[int | None, Option(help="Steps between evaluations.")] = None,
    eval_test: Annotated[
        Literal["picked", "always"] | None, Option(help="Evaluate test where a rule may pick it, or always.")
    ] = None,
    device: _options.Device = None,
    residency: _options.Residency = None,
    cuda_graph: _options.CudaGraph = None,
    precision: Annotated[
        Literal["highest", "high", "bf16", "float64"] | None, Option(help="Of the matrix products.")
    ] = None,
    extra: Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE", help="A method's own option.")] = None,
    force: Annotated[bool, Option("--force", help="Run it anew though it is done.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the run's record.")] = False,
) -> None:
    """Train a head with one method; the record goes to results/DATASET/RUN_ID/.

    What is not given takes the value that is known for the data set and method (`topkbench methods NAME`), else that of
    the papers on ImageNet; the record names each value's origin.
    """
    path = _paths.data_file(data)
    from topkbench import settings
    from topkbench import train as library

    chosen = settings.with_own(_given(context.params), assignments(extra or []))

    with contextlib.redirect_stdout(sys.stderr):  # a user's loss may print; stdout carries results alone
        outcome = library.train(
            path, results, method, chosen, preset=preset, force=force, progress=_progress.progress, note=_progress.note
        )
    for note in _notes(outcome):
        sys.stderr.write(note + "\n")
    typer.echo(outcome.record.to_json() if as_json else _line(outcome))


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given; the parser leaves None or an empty list for the others."""
    return {name: value for name, value in parameters.items() if name not in _CONTROLS and value not in (None, [], ())}


def _notes(outcome: "Outcome") -> Iterator[str]:
    if outcome.was_done:
        yield f"already done: {outcome.folder}; --force runs it anew"
    elif outcome.record.origin["nloglr"] == "defaults/protocol":
        rate = f"--nloglr {outcome.record.config['nloglr']:g}"
        yield f"note: {rate} is the papers' for ImageNet; no other is known for these data, so search for theirs"


def _line(outcome: "Outcome") -> str:
    record = outcome.record
    test = record.selected["per_metric"]["test"]
    name = f"{record.config['method']} on {record.data['name']}, seed {record.config['seed']}"
    return f"{name}: test top-1 {test['top1']:.2%} | top-5 {test['top5']:.2%}   {outcome.folder}"
