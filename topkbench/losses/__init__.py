"""The methods: one file each in this folder, found by listing it.

A method's module holds one frozen dataclass `Loss`, whose fields are its options:

    loss(logits, target, problem=Problem()) -> Tensor    [..., B, C], [..., B] -> [..., B], unreduced
    loss.regulariser(problem) -> Tensor                  added once a step

A name that starts with an underscore is no method but what several methods share.
"""

import dataclasses
import importlib
import importlib.util
import pkgutil
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from topkbench.errors import UsageError
from topkbench.losses._method import Method
from topkbench.losses._scores import at_least_float32, check_scores

__all__ = ["Method", "at_least_float32", "canonical", "check_scores", "find", "is_file", "load", "names", "options"]


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
    raise UsageError(_unknown("method", method, [*names(), *aliases], "See 'topkbench methods'."))


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
    """A method's options and their own defaults."""
    return {field.name: field.default for field in dataclasses.fields(find(method))}


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
    known = options(method)
    for option, value in chosen.items():
        if option not in known:
            cure = f"{canonical(method)} takes {', '.join(known) or 'no options'}."
            raise UsageError(_unknown("option", option, list(known), cure))
        _check_type(canonical(method), option, value, find(method))
    try:
        return find(method)(**chosen)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{canonical(method)}: {error}") from error


def _check_type(method: str, option: str, value: object, loss: type[Method]) -> None:
    wanted = get_type_hints(loss)[option]
    if not _fits(value, wanted):
        shown = getattr(wanted, "__name__", None) or str(wanted)
        raise UsageError(f"{method}: {option} = {value!r}; it takes {shown}")


def _fits(value: object, wanted: Any) -> bool:
    """Whether a value is of an annotated type: a plain one, a tuple of one, or a union."""
    arguments = get_args(wanted)
    if get_origin(wanted) is tuple:
        return isinstance(value, list | tuple) and all(_fits(each, arguments[0]) for each in value)
    if arguments:
        return any(_fits(value, each) for each in arguments)
    if isinstance(value, bool) or wanted is bool:
        return isinstance(value, bool) and wanted is bool
    return isinstance(value, float | int if wanted is float else wanted)


def _unknown(kind: str, given: str, known: list[str], cure: str) -> str:
    close = get_close_matches(given, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return f"unknown {kind} {given!r}{hint} {cure}"


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} fails on import: {type(error).__name__}: {error}") from error
    return module
