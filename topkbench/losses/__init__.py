"""The methods: one file each in this folder, found by listing it.

A method's module holds one frozen dataclass `Loss`, whose fields are its options:

    loss(logits, target, problem=Problem()) -> Tensor    [..., B, C], [..., B] -> [..., B], unreduced
    loss.regulariser(problem) -> Tensor                  added once a step

A name that starts with an underscore is no method but what several methods share.

Legend of the folder: H stacked heads, B batch, C classes, M short-list, K ranks or the k best, N all samples of a stack
or a tree's nodes, L ancestors of a leaf, E dimensions of prototypes.
"""

import contextlib
import dataclasses
import importlib
import pkgutil
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from topkbench import option_types
from topkbench.errors import UsageError, did_you_mean
from topkbench.losses._method import Method, one_a_sample
from topkbench.losses._short_list import short_list
from topkbench.losses._topk_cross_entropy import TopKCrossEntropy
from topkbench.losses._topk_svm import SmoothTopKSVM
from topkbench.ops.scores import at_least_float32, check_scores

__all__ = [
    "JUDGED",
    "Method",
    "SmoothTopKSVM",
    "TopKCrossEntropy",
    "at_least_float32",
    "canonical",
    "check_scores",
    "find",
    "is_file",
    "load",
    "names",
    "one_a_sample",
    "options",
    "short_list",
    "with_alias_options",
]


JUDGED = "loss_options"
"""The option of a method whose scores another loss judges that holds the options of that loss."""


def names() -> list[str]:
    """The canonical names of all methods, sorted."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))


def canonical(method: str) -> str:
    """The name under which a method is recorded: an alias becomes the name, `./my_loss.py` becomes `my_loss`.

    Raises:
        UsageError: no method has this name, with the nearest that one has; or the file is missing.
    """
    if is_file(method):
        if not Path(method).is_file():
            raise UsageError(f"no file {method}; a method's own file is given by its path, as in ./my_loss.py")
        return Path(method).stem
    if method in names():
        return method
    aliases = {alias: name for name in names() for alias in find(name).aliases}
    if method in aliases:
        return aliases[method]
    near = did_you_mean(method, [*names(), *aliases]) or "."
    raise UsageError(f"unknown method {method!r}{near} See 'topkbench methods'.")


def is_file(method: str) -> bool:
    """Whether the user means a file of theirs rather than one of ours."""
    return method.endswith(".py")


def find(method: str) -> type[Method]:
    """The `Loss` class of a method, by name, alias or path.

    Raises:
        UsageError: there is none.
    """
    name = canonical(method)
    module = _from_file(Path(method)) if is_file(method) else importlib.import_module(f"{__name__}.{name}")
    loss = getattr(module, "Loss", None)
    if not (isinstance(loss, type) and dataclasses.is_dataclass(loss) and issubclass(loss, Method)):
        raise UsageError(f"{method} defines no frozen dataclass `Loss(Method)`; CONTRIBUTING.md shows one")
    return loss


def options(method: str) -> dict[str, Any]:
    """A method's options and their own defaults.

    Raises:
        UsageError: there is no such method, or an option of a user's file has no default.
    """
    return {field.name: _default(field, method) for field in dataclasses.fields(find(method))}


def _default(field: "dataclasses.Field[Any]", method: str) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is dataclasses.MISSING:
        raise UsageError(f"{method}: its option {field.name} has no default; give it one")
    return field.default


def with_alias_options(method: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the name of a method says of its options to those chosen.

    Raises:
        UsageError: the choice goes against the name.

    >>> with_alias_options("smooth_top1_svm", {"tau": 0.1})
    {'k': 1, 'tau': 0.1}
    """
    said = find(method).alias_options.get(method, {})
    for option, value in said.items():
        if chosen.get(option, value) != value:
            name = canonical(method)
            raise UsageError(f"{method} is {name} with {option} = {value}; for {option} = {chosen[option]} give {name}")
    return {**said, **chosen}


def load(method: str, **chosen: Any) -> Method:
    """Build a method's loss.

    Args:
        method: a name, an alias, or the path of a user's own file.
        chosen: options of the method; the rest keep their defaults.

    Raises:
        UsageError: an unknown method or option, with the nearest match, or a value out of range.

    >>> load("splitter_selection", m=8).m
    8
    """
    name, known = canonical(method), options(method)
    chosen = with_alias_options(method, chosen)
    for option in chosen:
        if option not in known:
            near = did_you_mean(option, known)
            raise UsageError(f"{name} has no option {option!r}{near or ';'} it takes {', '.join(known) or 'none'}")
    option_types.check(find(method), chosen, name)
    try:
        return find(method)(**chosen)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout carries results alone
            return _executed(path, path.read_bytes())
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} fails on import: {type(error).__name__}: {error}") from error


@lru_cache
def _executed(path: Path, source: bytes) -> ModuleType:
    """The module that a file's text makes; executed once, and again only where the text has changed."""
    module = ModuleType(f"topkbench_user_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look up annotations
    exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the user's own file, by their own wish
    return module
