"""What is measured: our methods, and the same of other libraries where they are installed."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import import_module, metadata, util
from types import ModuleType
from typing import Any

from torch import Tensor

from topkbench.losses import Method
from topkbench.losses._short_list import short_list
from topkbench.losses._topk_cross_entropy import TopKCrossEntropy

MeanLoss = Callable[[Tensor, Tensor], Tensor]
"""Scores [B, C] and labels [B] -> []."""

# difftopk's names; its splitter_selection exists in a sparse form alone.
_DIFFTOPK = {
    "bitonic": "bitonic__non_sparse",
    "odd_even": "odd_even",
    "splitter_selection": "splitter_selection",
    "neuralsort": "neuralsort",
    "softsort": "softsort",
}
_NEEDS_TORCH_SPARSE = ("splitter_selection",)


@dataclass(frozen=True)
class Contender:
    """A loss to be measured.

    Attributes:
        method: its name.
        source: where it comes from.
        loss: what is timed.
        exact: a function that is right on float64 scores, which the gradient is compared with.
    """

    method: str
    source: str
    loss: MeanLoss
    exact: MeanLoss


def ours(name: str, loss: Method) -> Contender:
    """A method of topkbench; its own float64 is the reference."""
    return Contender(name, "topkbench", _mean(loss), _mean(loss))


def peers(name: str, loss: Method, classes: int) -> Iterator[Contender]:
    """The same method of other libraries, with the same options."""
    if name in _DIFFTOPK and _installed("difftopk") and isinstance(loss, TopKCrossEntropy):
        lacking = name in _NEEDS_TORCH_SPARSE and not _installed("torch_sparse")
        if not lacking and loss.m is not None and len(loss.p_k) < loss.m < classes:  # what difftopk asks for
            yield _difftopk(name, loss, classes)
    if name == "softsort" and _installed("torchsort") and isinstance(loss, TopKCrossEntropy):
        yield _torchsort(loss)


def _mean(loss: Method) -> MeanLoss:
    return lambda scores_BC, label_B: loss(scores_BC, label_B).mean()


def _difftopk(name: str, loss: TopKCrossEntropy, classes: int) -> Contender:
    options: dict[str, Any] = {field.name: getattr(loss, field.name) for field in fields(loss)}
    theirs = _imported("difftopk").TopKCrossEntropyLoss(_DIFFTOPK[name], n=classes, **options)
    return Contender(name, f"difftopk {metadata.version('difftopk')}", theirs, _mean(loss))


def _torchsort(loss: TopKCrossEntropy) -> Contender:
    """The label's soft rank (Blondel et al. 2020) in the same short-list: no loss of a paper, but of the same use."""
    soft_rank = _imported("torchsort").soft_rank

    def mean_rank(scores_BC: Tensor, label_B: Tensor) -> Tensor:
        scores_BM, place_B = short_list(scores_BC, label_B, loss.m)
        ranks_BM: Tensor = soft_rank(-scores_BM)
        return ranks_BM.gather(-1, place_B.unsqueeze(-1)).mean()

    return Contender("soft_rank", f"torchsort {metadata.version('torchsort')}", mean_rank, mean_rank)


def _installed(name: str) -> bool:
    return util.find_spec(name) is not None


def _imported(name: str) -> ModuleType:
    with contextlib.redirect_stdout(sys.stderr):  # difftopk prints on import; stdout carries results alone
        return import_module(name)
