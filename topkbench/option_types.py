"""Whether an option's value is of the type that its dataclass annotates."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from topkbench.errors import UsageError


def check(owner: type, values: dict[str, Any], of: str) -> None:
    """Refuse values that are not of the types of a dataclass's fields.

    Args:
        owner: the dataclass.
        values: by field name.
        of: what the options belong to, for the message; empty where that goes without saying.

    Raises:
        UsageError: a value is of another type.
    """
    hints = get_type_hints(owner)
    for option, value in values.items():
        if not _fits(value, hints[option]):
            owned = f"{of}: " if of else ""
            raise UsageError(f"{owned}{option} = {value!r}; it takes {_in_words(hints[option])}")


_ONE = {int: "a whole number", float: "a number", str: "text", bool: "true or false", NoneType: "none"}
_SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


def _in_words(wanted: Any) -> str:
    """A type as users call it; one that they need not know by its name.

    >>> _in_words(int | None), _in_words(tuple[float, ...]), _in_words(Literal["sgd", "adam"])
    ('a whole number or none', 'a list of numbers', "'sgd' or 'adam'")
    """
    kind, arguments = get_origin(wanted) or wanted, get_args(wanted)
    if kind is tuple:
        return f"a list of {_SEVERAL[arguments[0]]}" if arguments and arguments[0] in _SEVERAL else "a list"
    if kind is Mapping:
        return "a table of options"
    if kind is Literal:
        return " or ".join(map(repr, arguments))
    if arguments:
        return " or ".join(map(_in_words, arguments))
    return _ONE.get(wanted) or str(getattr(wanted, "__name__", wanted))


def _fits(value: object, wanted: Any) -> bool:
    """Whether a value is of a plain type, a tuple of one, a union, or one of a `Literal`'s.

    >>> _fits(2, float), _fits(True, int), _fits([0.5, 1], tuple[float, ...]), _fits(None, int | None)
    (True, False, True, True)
    """
    arguments = get_args(wanted)
    if get_origin(wanted) is tuple:
        return isinstance(value, list | tuple) and all(_fits(each, arguments[0]) for each in value)
    if get_origin(wanted) is Mapping:
        return isinstance(value, Mapping)
    if get_origin(wanted) is Literal:
        return value in arguments
    if arguments:
        return any(_fits(value, each) for each in arguments)
    if isinstance(value, bool) or wanted is bool:
        return isinstance(value, bool) and wanted is bool
    return isinstance(value, float | int if wanted is float else wanted)
