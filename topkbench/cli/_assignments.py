"""`--set NAME=VALUE`."""

import contextlib
import tomllib
from collections.abc import Sequence
from typing import Any

from topkbench.errors import UsageError


def assignments(pairs: Sequence[str], flag: str = "--set") -> dict[str, Any]:
    """`name=value` as TOML reads the value, or the text itself where it is no TOML.

    Args:
        pairs: what the flag was given.
        flag: for the message.

    Raises:
        UsageError: a pair is none.
    """
    chosen = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"{flag} {pair}: give NAME=VALUE, as in --set m=32")
        chosen[name] = _value(value)
    return chosen


def _value(text: str) -> Any:
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"value = {text}")["value"]
    with contextlib.suppress(ValueError):
        return float(text)  # .5, which TOML does not know
    return text
