"""topkbench: which top-k loss gives the best head on my embeddings, and is the difference real?

The public names are resolved when they are first used, so that importing the package costs nothing (PEP 562).

>>> import topkbench
>>> topkbench.losses.load("softmax_cross_entropy")
Loss(p_k=(1.0,))
"""

from importlib import import_module
from typing import Any

_MODULES = ("bench", "difftopk", "losses", "ops", "prepare", "report", "train")
_NAMES = {
    "Problem": "problem",
    "Record": "runs",
    "Store": "store",
    "TopkbenchError": "errors",
    "open_store": "store",
}

__all__ = [
    "Problem",
    "Record",
    "Store",
    "TopkbenchError",
    "bench",
    "difftopk",
    "losses",
    "open_store",
    "ops",
    "prepare",
    "report",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
