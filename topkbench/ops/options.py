"""What operators and losses ask of their options; without torch, which drawing a network does not need."""

from collections.abc import Sequence
from math import inf


def require_positive(value: float, name: str) -> None:
    """Refuse a temperature that is none.

    Raises:
        ValueError: not a positive, finite number.
    """
    if not 0 < value < inf:
        raise ValueError(f"{name} = {value} is not a positive number")


def require_not_negative(value: float, name: str) -> None:
    """Refuse a weight or a margin that is none.

    Raises:
        ValueError: not a finite number of at least 0.
    """
    if not 0 <= value < inf:
        raise ValueError(f"{name} = {value} is not a finite number of at least 0")


def require_one_of(word: str, known: Sequence[str], name: str) -> None:
    """Refuse a word that is none of a few.

    Raises:
        ValueError: it is not known.
    """
    if word not in known:
        raise ValueError(f"unknown {name} {word!r}; one of {', '.join(known)}")
