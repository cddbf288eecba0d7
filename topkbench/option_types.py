"""Whether an option's value is of the type that its dataclass annotates."""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from topkbench.errors import UsageError


def check(owner: type, values: dict[str, Any], of: str) -> None:
    """Refuse values that are not of the types of a dataclass's fields.

    Args:
        owner: the dataclass.
        values: by field name.
        of: what the options belong to, for the message.

    Raises:
        UsageError: a value is of another type.
    """
    hints = get_type_hints(owner)
    for option, value in values.items():
        if not _fits(value, hints[option]):
            shown = getattr(hints[option], "__name__", None) or str(hints[option])
            raise UsageError(f"{of}: {option} = {value!r}; it takes {shown}")


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
