"""Tensors that are worked out once and kept."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

import torch

P = ParamSpec("P")
T = TypeVar("T")


def cached(maxsize: int = 128) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """`functools.lru_cache` for functions that make tensors: a step copies nothing to the device that it did before.

    What is first asked for under `torch.inference_mode` is made outside of it: training could not go on with it.

    Args:
        maxsize: how many results are kept.

    >>> ones = cached()(torch.ones)
    >>> with torch.inference_mode():
    ...     ones(2).is_inference()
    False
    >>> ones(2) is ones(2)
    True
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept = lru_cache(maxsize)(torch.inference_mode(False)(function))
        return cast("Callable[P, T]", kept)  # of lru_cache mypy forgets what it takes

    return decorate
