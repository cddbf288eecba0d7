"""Every option of a run, resolved: what the user said, else a preset, else the data set's defaults, else the method's.

The weakest source comes first; each that follows overrides it, and `origin` remembers which one spoke last.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from topkbench import batches, defaults, losses, option_types, presets, protocol
from topkbench.errors import UsageError, did_you_mean
from topkbench.losses._method import Method

PRECISIONS = ("highest", "high", "bf16", "float64")
EVAL_TEST = ("picked", "always")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Protocol:
    """How a run is trained, whatever its loss (DESIGN §5).

    Attributes:
        n_epochs: passes over the training rows.
        nloglr: the learning rate is 10^−nloglr.
        batch_size: rows a step; the last partial batch of an epoch is dropped.
        seed: of the run's stream.
        valid_size: training rows kept apart for validation.
        hidden_dims: sizes of hidden layers; none for a linear head.
        apply_relu: ReLU on the embeddings.
        apply_dropout: dropout of ½ on the embeddings while training.
        eval_every: steps between evaluations.
        eval_test: `picked` evaluates test only where a selection rule may pick it; `always` every time.
        precision: `highest` float32; `high` allows TF32 products; `bf16` computes scores in bfloat16 while
            training; `float64` is for replays.
        device: auto, cpu or cuda.
        residency: where embeddings are held: auto, device, ram or mmap.
    """

    n_epochs: int
    nloglr: float
    batch_size: int
    seed: int
    valid_size: int
    hidden_dims: tuple[int, ...]
    apply_relu: bool
    apply_dropout: bool
    eval_every: int
    eval_test: str
    precision: str
    device: str
    residency: str

    def __post_init__(self) -> None:
        for option in ("n_epochs", "batch_size", "valid_size", "eval_every"):
            if getattr(self, option) < 1:
                raise UsageError(f"{_flag(option)} {getattr(self, option)}: it must be at least 1")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed {self.seed}: it must be between 0 and 2^63 − 1")
        if not -10 <= self.nloglr <= 40:
            raise UsageError(f"--nloglr {self.nloglr:g}: the learning rate is 10^-nloglr; it must lie in -10..40")
        if any(size < 1 for size in self.hidden_dims):
            raise UsageError(f"--hidden-dims {' '.join(map(str, self.hidden_dims))}: each must be at least 1")
        for option, known in _CHOICES.items():
            if getattr(self, option) not in known:
                raise UsageError(f"{_flag(option)} {getattr(self, option)}: one of {', '.join(known)}")


_CHOICES = {
    "precision": PRECISIONS,
    "eval_test": EVAL_TEST,
    "device": DEVICES,
    "residency": batches.RESIDENCIES,
}
PROTOCOL_OPTIONS = tuple(field.name for field in fields(Protocol))
DATA = "data"
"""The origin of a value that the data's size has bounded or given."""
HEAD = "linear"
# What changes where and how fast a run computes, or what is looked at, but not what it is.
_NOT_IDENTITY = ("device", "residency", "eval_test")


@dataclass(frozen=True)
class Settings:
    """One run's settings.

    Attributes:
        method: canonical name.
        loss: the method, built with its options.
        protocol: everything else.
        origin: option -> user, presets/NAME, defaults/NAME, method, or data where their size has bounded it.
        source: of the user's own method file, the first 12 digits of its sha256; None for ours.
    """

    method: str
    loss: Method
    protocol: Protocol
    origin: Mapping[str, str]
    source: str | None = None

    def config(self) -> dict[str, Any]:
        """Every option and its value, flat, as the record keeps it; p_k is empty where the method has none."""
        source = {"source": self.source} if self.source else {}
        return {"method": self.method, "p_k": (), **asdict(self.loss), **source, **asdict(self.protocol)}

    def identity(self, data_checksum: str, n_classes: int) -> dict[str, Any]:
        """What makes two runs the same run: this is hashed into the run id.

        The number of classes is not in the data's checksum, but a class list may be longer than the labels reach.
        """
        protocol = {key: value for key, value in asdict(self.protocol).items() if key not in _NOT_IDENTITY}
        return {
            "method": self.method,
            "options": {key: value for key, value in asdict(self.loss).items() if key not in self.loss.idle()},
            "head": HEAD,
            "optimizer": "adam",
            "protocol": protocol,
            "source": self.source,
            "data": data_checksum,
            "n_classes": n_classes,
        }


def resolve(
    method: str | None, chosen: Mapping[str, Any], facts: Mapping[str, int], preset: str | None = None
) -> Settings:
    """Resolve every option of a run.

    Args:
        method: a name, an alias or a file; None leaves it to the preset.
        chosen: what the user gave, by option name, of the protocol and of the method alike.
        facts: n_train, n_classes and dim of the data, and n_valid where they bring a validation split of their own.
        preset: NAME/SECTION.

    Raises:
        UsageError: an unknown method, option or preset, or a value that is out of range or does not fit the data.
    """
    method, line = (method, {}) if preset is None else _with_preset(method, chosen, preset)
    if method is None:
        raise UsageError("no method; give --method NAME. See 'topkbench methods'.")
    name, own = losses.canonical(method), losses.options(method)
    _refuse_unknown(name, {**line, **chosen}, own)
    if (head := losses.find(method).head) != HEAD:
        raise UsageError(f"{name} wants the head {head!r}; there is only {HEAD!r}")
    tuned = None if losses.is_file(method) else name  # a file may bear the name of one of ours
    values, origin = _layered(
        [("method", own), *defaults.layers(tuned, facts), (f"presets/{preset}", line), ("user", chosen)],
        known=[*own, *PROTOCOL_OPTIONS],
    )
    option_types.check(Protocol, {option: values[option] for option in PROTOCOL_OPTIONS if option in values}, "train")
    option_types.check(losses.find(method), {option: values[option] for option in own}, name)
    _fit(values, origin, facts)
    loss = losses.load(method, **{option: values[option] for option in own})
    for option in loss.idle():
        if origin[option] == "user":
            raise UsageError(f"{_flag(option)} {values[option]} has no effect beside the other options; leave it out")
    run = Protocol(**{option: values[option] for option in PROTOCOL_OPTIONS})
    source = hashlib.sha256(Path(method).read_bytes()).hexdigest()[:12] if losses.is_file(method) else None
    return Settings(name, loss, run, origin, source)


def _with_preset(method: str | None, chosen: Mapping[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """The method, and what the preset says of its options."""
    if method and losses.is_file(method):
        raise UsageError(f"preset {preset} is of topkbench's own methods; leave out --preset or {method}")
    if method and method not in presets.methods(preset):  # an alias, or nonsense
        method = losses.canonical(method)
    line = presets.one_line(preset, method, chosen)
    named = line.pop("method")
    if named not in losses.names():
        raise UsageError(
            f"{named} stands in preset {preset}, but topkbench does not have it yet; choose another method"
        )
    return named, line


def with_own(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Add a method's own options, given by `--set`, to the options given by their flags.

    Raises:
        UsageError: an option is given both ways, or is no method's but the run's.
    """
    for option, value in own.items():
        if option in PROTOCOL_OPTIONS:
            raise UsageError(f"--set {option}={value}: it is no method's option; give {_flag(option)} {value}")
        if option in given:
            raise UsageError(f"{option} is given twice, by {_flag(option)} and by --set; give it once")
    return {**given, **own}


def _layered(layers: list[tuple[str, Mapping[str, Any]]], known: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, options in layers:
        for option in options.keys() & set(known):
            values[option] = _plain(options[option])
            origin[option] = name
    return values, {option: origin[option] for option in known if option in origin}


def _plain(value: Any) -> Any:
    """TOML has no tuples and no null."""
    if isinstance(value, list):
        return tuple(value)
    return None if value == "none" else value


def _fit(values: dict[str, Any], origin: dict[str, str], facts: Mapping[str, int]) -> None:
    """Complete and bound what depends on the data's size; only what the user gave is refused rather than bounded."""
    if "n_valid" in facts:
        if "valid_size" in values:
            raise UsageError(f"--valid-size {values['valid_size']}: these data bring their own validation split")
        values["valid_size"], rows = facts["n_valid"], facts["n_train"]
        origin["valid_size"] = DATA
    else:
        default = protocol.default_valid_size(facts["n_train"], facts["n_classes"])
        values.setdefault("valid_size", default)
        origin.setdefault("valid_size", f"defaults/{defaults.PROTOCOL}")
        rows = facts["n_train"] - values["valid_size"]
    if rows < 1:
        raise UsageError(f"--valid-size {values['valid_size']} leaves nothing of {facts['n_train']} rows to train on")
    _bound("batch_size", rows, "rows to train on", values, origin)
    _bound("m", facts["n_classes"], "classes", values, origin)
    if (k := len(values.get("p_k", ()))) > facts["n_classes"]:
        shown = f"p_k has {k} values, but there are {facts['n_classes']} classes"
        raise UsageError(f"{shown}; give --p-k with {facts['n_classes']} or fewer")


def _bound(option: str, limit: int, what: str, values: dict[str, Any], origin: dict[str, str]) -> None:
    value = values.get(option)
    if not isinstance(value, int) or value <= limit:
        return
    if origin[option] == "user":
        raise UsageError(f"{_flag(option)} {value} exceeds the {limit} {what}; give {limit} or fewer")
    values[option], origin[option] = limit, DATA


def _refuse_unknown(method: str, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for option in own:
        if option in PROTOCOL_OPTIONS:
            raise UsageError(f"{method}: its option {option} bears the name of one of a run's; call it otherwise")
    known = [*own, *PROTOCOL_OPTIONS]
    for option in given:
        if option not in known:
            near = did_you_mean(option, known) or f"; it has {', '.join(own) or 'none'}."
            raise UsageError(f"{method} has no option {option!r}{near} See 'topkbench methods'.")


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
