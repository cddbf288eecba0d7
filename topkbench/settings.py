"""Every option of a run, resolved: what the user said, else a preset, else the data set's defaults, else the method's.

The weakest source comes first; each that follows overrides it, and `origin` remembers which one spoke last.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from topkbench import (
    defaults,
    heads,
    losses,
    method_options,
    option_effects,
    option_types,
    presets,
    protocol,
    training_options,
)
from topkbench.errors import UsageError, did_you_mean
from topkbench.losses import Method
from topkbench.training_options import Protocol, flag, given

DATA = "data"
"""The origin of a value that the data's size has bounded or given."""
SWEEP = "sweep"
"""The origin of a value that has an effect on other runs of a sweep, not on this one."""


@dataclass(frozen=True)
class Settings:
    """One run's settings.

    Attributes:
        method: canonical name.
        loss: the method, built with its options.
        protocol: everything else.
        origin: option -> user, sweep, presets/NAME, defaults/NAME, method, or data where their size has bounded it.
        source: of the user's own method file, the first 12 digits of its sha256; None for ours.
    """

    method: str
    loss: Method
    protocol: Protocol
    origin: Mapping[str, str]
    source: str | None = None

    def config(self) -> dict[str, Any]:
        """Every option and its value, flat, as the record keeps it; p_k is empty where the method has no k."""
        own = asdict(self.loss)
        judge = own.get(losses.JUDGED, {})
        source = {"source": self.source} if self.source else {}
        return {
            "method": self.method,
            "p_k": method_options.p_k_of({**own, **judge}),
            **own,
            **source,
            **asdict(self.protocol),
        }

    @property
    def needs_hierarchy(self) -> bool:
        """Whether the run is another one where the classes' hierarchy is another."""
        of_siblings = self.protocol.label_noise > 0 and self.protocol.noise == "siblings"
        return of_siblings or not {"distances", "parents"}.isdisjoint(self.loss.needs)

    def identity(self, data_checksum: str, n_classes: int, hierarchy: str | None = None) -> dict[str, Any]:
        """What makes two runs the same run: this is hashed into the run id.

        The number of classes is not in the data's checksum, but a class list may be longer than the labels reach. Nor
        is the hierarchy, whose checksum counts for methods that need one.
        """
        protocol = self.protocol.identity()
        of_hierarchy = {"hierarchy": hierarchy} if self.needs_hierarchy else {}
        return {
            "method": self.method,
            "options": _without(self.loss.idle(), asdict(self.loss)),
            "head": self.loss.head,
            "optimizer": protocol.pop("optimizer", "adam"),
            "protocol": protocol,
            "source": self.source,
            "data": data_checksum,
            "n_classes": n_classes,
            **of_hierarchy,
        }


def _without(idle: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that have an effect; also of those of a loss that judges."""
    return {
        option: _without(idle, value) if option == losses.JUDGED else value
        for option, value in options.items()
        if option not in idle
    }


def resolve(
    method: str | None, chosen: Mapping[str, Any], facts: Mapping[str, Any], preset: str | None = None
) -> Settings:
    """Resolve every option of a run.

    Args:
        method: a name, an alias or a file; None leaves it to the preset.
        chosen: what the user gave, by option name, of the protocol and of the method alike.
        facts: of the data n_train, n_classes, dim and class_rows, the training rows of each class, and n_valid where
            they bring a validation split of their own.
        preset: NAME/SECTION.

    Raises:
        UsageError: an unknown method, option or preset, or a value that is out of range or does not fit the data.
    """
    said, line = (method, {}) if preset is None else _with_preset(method, chosen, preset)
    if said is None:
        raise UsageError("no method; give --method NAME. See 'topkbench methods'.")
    return resolve_line(method or said, chosen, facts, line, preset or "")


def resolve_line(
    method: str, chosen: Mapping[str, Any], facts: Mapping[str, Any], line: Mapping[str, Any], preset: str
) -> Settings:
    """Resolve every option of a run of which a preset says some.

    Args:
        method: a name, an alias or a file.
        chosen: what the user gave.
        facts: of the data, as for `resolve`.
        line: what the preset gives; it is bounded by the data rather than refused, and need have no effect.
        preset: its name; empty where a sweep gives the line.

    Raises:
        UsageError: as `resolve`.
    """
    name, own = losses.canonical(method), method_options.known(method, {**line, **chosen})
    judge = method_options.judge(method, {**line, **chosen})
    line, chosen = (
        method_options.with_k(judge, own, line),
        losses.with_alias_options(method, method_options.with_k(judge, own, chosen)),
    )
    _refuse_unknown(name, {**line, **chosen}, own)
    if (head := losses.find(method).head) not in heads.NAMES:
        raise UsageError(f"{name} wants the head {head!r}; there are {', '.join(heads.NAMES)}")
    tuned = None if losses.is_file(method) else name  # a file may bear the name of one of ours
    values, origin = _layered(
        [
            ("method", own),
            *defaults.layers(tuned, facts),
            (f"presets/{preset}" if preset else SWEEP, line),
            ("user", chosen),
        ],
        known=[*own, *training_options.OPTIONS],
    )
    of_the_run = {option: values[option] for option in training_options.OPTIONS if option in values}
    option_types.check(Protocol, of_the_run, "")
    training_options.check_ranges(of_the_run)
    method_options.check_types(method, {option: values[option] for option in own})
    _fit(values, origin, facts)
    loss = method_options.build(method, {option: values[option] for option in own})
    _check_classes(name, loss, facts["n_classes"])
    _refuse_infinite(name, {option: values[option] for option in own})
    run = Protocol(**{option: values[option] for option in training_options.OPTIONS})
    _refuse_idle(name, (*loss.idle(), *run.idle()), values, origin)
    return Settings(name, loss, run, origin, _source(method))


def idle(method: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Options that have no effect beside the others and the method's own defaults, whatever the data.

    Args:
        method: a name, an alias or a file.
        options: of the run and of the method.

    Raises:
        UsageError: there is no such method, or a value of its options is out of range.

    >>> idle("bitonic", {"p_k": [1.0, 0.0], "optimizer": "sgd"})
    ('distribution', 'inverse_temperature', 'art_lambda', 'noise', 'noise_block')
    """
    own = method_options.known(method, options)
    told = method_options.with_k(method_options.judge(method, options), own, options)
    values = {option: _plain(value) for option, value in {**own, **losses.with_alias_options(method, told)}.items()}
    loss = method_options.build(method, {option: values[option] for option in own})
    return (*loss.idle(), *option_effects.idle({**option_effects.LEFT_ALONE, **values}))


def of_record(
    config: Mapping[str, Any], origin: Mapping[str, str], facts: Mapping[str, Any], file: str | None = None
) -> Settings:
    """The settings that a record holds: `Settings.config` the other way round.

    An option that is younger than the record is left alone, as it was when there was none.

    Args:
        config: of the record.
        origin: likewise.
        facts: of the data, as for `resolve`.
        file: the method's own file, whose path no record holds.

    Raises:
        UsageError: the file is missing or another one, the method is not there, or a value is none that it takes.
    """
    method = _recorded_method(config, file)
    (_, usual), *_ = defaults.layers(None, facts)
    known = {**usual, **option_effects.LEFT_ALONE, **config}
    if missing := [option for option in training_options.OPTIONS if option not in known]:
        raise UsageError(f"the record's config lacks {', '.join(missing)}; train the run anew with 'topkbench train'")
    of_the_run = {option: _plain(known[option]) for option in training_options.OPTIONS}
    option_types.check(Protocol, of_the_run, "the record")
    own = {option: _plain(config[option]) for option in losses.options(method) if option in config}
    run = Protocol(**of_the_run)
    return Settings(config["method"], losses.load(method, **own), run, origin, config.get("source"))


def _recorded_method(config: Mapping[str, Any], file: str | None) -> str:
    """What `losses.load` takes for the method of a record."""
    name, source = config["method"], config.get("source")
    if not source:
        if file:
            raise UsageError(f"--method {file}: the run is of topkbench's own {name}; leave it out")
        return str(name)
    if not file or not losses.is_file(file):
        raise UsageError(f"{name} is a file of the user's, whose path no record holds; give --method ./{name}.py")
    if (found := _source(file)) != source:
        raise UsageError(f"--method {file}: its hash is {found}, the record has {source}; give the file as it was")
    return file


def _source(method: str) -> str | None:
    """The hash of a user's own method; None of ours.

    Raises:
        UsageError: there is no such file.
    """
    if not losses.is_file(method):
        return None
    losses.canonical(method)
    return hashlib.sha256(Path(method).read_bytes()).hexdigest()[:12]


def _check_classes(method: str, loss: Method, classes: int) -> None:
    try:
        loss.check_classes(classes)
    except ValueError as error:
        raise UsageError(f"{method}: {error}") from error


def _refuse_infinite(method: str, own: Mapping[str, Any]) -> None:
    """A method need not look at its numbers; but of those that are not finite no run id can be made."""
    for option, value in own.items():
        if not all(map(isfinite, _floats(value))):
            raise UsageError(f"{method}: {option} = {training_options.shown(value)}; it must be finite")


def _floats(value: Any) -> Iterator[float]:
    """The numbers in a value, however deep."""
    if isinstance(value, float):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for each in inner:
        yield from _floats(each)


def _refuse_idle(method: str, idle: tuple[str, ...], values: Mapping[str, Any], origin: Mapping[str, str]) -> None:
    """An option that the user gave must have an effect, unless it switches something off."""
    for option in idle:
        if origin[option] == "user" and values[option] is not None:
            of_the_run = option in training_options.OPTIONS
            shown = given(option, values[option]) if of_the_run else f"{option} = {values[option]}"
            raise UsageError(f"{shown} has no effect beside the other options of {method}; leave it out")


def _with_preset(method: str | None, chosen: Mapping[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """The method, and what the preset says of its options."""
    if method and losses.is_file(method):
        raise UsageError(f"preset {preset} is of topkbench's own methods; leave out --preset or {method}")
    if method and method not in presets.methods(preset):  # an alias, or nonsense
        method = losses.canonical(method)
    line = presets.one_line(preset, method, chosen, training_options.how)
    named = line.pop("method")
    return named, line


def with_own(by_flag: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Add a method's own options, given by `--set`, to the options given by their flags.

    Raises:
        UsageError: an option is given both ways, or is no method's but the run's.
    """
    for option, value in own.items():
        if option in training_options.OPTIONS:
            raise UsageError(f"--set {option}={value}: it is no method's option; give {given(option, value)}")
        if option in by_flag:
            raise UsageError(f"{option} is given twice, by {flag(option)} and by --set; give it once")
    return {**by_flag, **own}


def _layered(layers: list[tuple[str, Mapping[str, Any]]], known: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, options in layers:
        for option in options.keys() & set(known):
            values[option] = _plain(options[option])
            origin[option] = name
    return values, {option: origin[option] for option in known if option in origin}


def _plain(value: Any) -> Any:
    """TOML and JSON have no tuples, and TOML no null."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return tuple(value)
    return None if value == "none" else value


def _fit(values: dict[str, Any], origin: dict[str, str], facts: Mapping[str, Any]) -> None:
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
    per_class = protocol.rows_per_class(values["train_per_class"], values["train_fraction"], facts)
    if per_class is not None:
        class_rows = facts["class_rows"]
        own_valid = "n_valid" in facts
        rows = (
            sum(min(per_class, each) for each in class_rows)
            if own_valid
            else protocol.balanced_rows(class_rows, values["valid_size"], per_class)
        )
    _bound("batch_size", rows, "rows to train on", values, origin)
    _bound("m", facts["n_classes"], "classes", values, origin)
    if (k := len(values.get("p_k", ()))) > facts["n_classes"]:
        shown = f"p_k has {k} values, but there are {facts['n_classes']} classes"
        raise UsageError(f"{shown}; give --p-k with {facts['n_classes']} or fewer")
    _bound_k(values, origin, facts["n_classes"])


def _bound_k(values: dict[str, Any], origin: dict[str, str], classes: int) -> None:
    """A method that takes one k needs a class more."""
    if not isinstance(values.get("k"), int) or values["k"] < classes:
        return
    if origin["k"] == "user" or classes < 2:
        cure = f"give --set k={classes - 1} or fewer" if classes > 1 else "prepare data of two or more"
        raise UsageError(f"k = {values['k']} needs more classes than the {classes} there are; {cure}")
    values["k"], origin["k"] = classes - 1, DATA


def _bound(option: str, limit: int, what: str, values: dict[str, Any], origin: dict[str, str]) -> None:
    value = values.get(option)
    if not isinstance(value, int) or value <= limit:
        return
    if origin[option] == "user":
        raise UsageError(f"{flag(option)} {value} exceeds the {limit} {what}; give {limit} or fewer")
    values[option], origin[option] = limit, DATA


def _refuse_unknown(method: str, chosen: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for option in own:
        if option in training_options.OPTIONS:
            raise UsageError(f"{method}: its option {option} bears the name of one of a run's; call it otherwise")
    known = [*own, *training_options.OPTIONS]
    for option in chosen:
        if option not in known:
            near = did_you_mean(option, known) or f"; it has {', '.join(own) or 'none'}."
            raise UsageError(f"{method} has no option {option!r}{near} See 'topkbench methods'.")
