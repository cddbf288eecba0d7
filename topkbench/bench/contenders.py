"""What is measured: our methods, and the same of other libraries where they are installed.

Legend: B batch, C classes, M short-list.
"""

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import import_module, metadata, util
from typing import Any

import torch
from torch import Tensor

from topkbench.losses import Method, SmoothTopKSVM, TopKCrossEntropy, one_a_sample, short_list
from topkbench.problem import Problem

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
_DIFFTOPK_SVM = {"smooth_topk": "SmoothTopKLoss", "smooth_hard_topk": "SmoothHardTopKLoss"}
_OURS = "topkbench"
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

    @property
    def is_a_peer(self) -> bool:
        """Whether it comes from another library."""
        return self.source != _OURS


def ours(name: str, loss: Method) -> Contender:
    """A method of topkbench; its own float64 is the reference."""
    return Contender(name, _OURS, _mean(loss), _mean(loss))


def peers(name: str, loss: Method, classes: int, device: torch.device) -> Iterator[Contender]:
    """The same method of other libraries, with the same options; one that cannot be made is left out with a warning."""
    if _installed("difftopk"):
        if isinstance(loss, TopKCrossEntropy) and _difftopk_has(name, loss, classes):
            yield from _made("difftopk", lambda: _difftopk(name, loss, classes, device))
        if isinstance(loss, SmoothTopKSVM) and loss.alpha == 1:  # the only margin that it knows
            yield from _made("difftopk", lambda: _difftopk_svm(name, loss, classes, device))
    if name == "softsort" and isinstance(loss, TopKCrossEntropy) and _installed("torchsort"):
        yield from _made("torchsort", lambda: _torchsort(loss))


def _made(library: str, make: Callable[[], Contender]) -> Iterator[Contender]:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # difftopk prints; stdout carries results alone
            contender = make()
    except Exception as error:  # whatever another library raises ends its own row alone
        warnings.warn(f"{library} is left out: {type(error).__name__}: {error}", stacklevel=2)
    else:
        yield contender


def _mean(loss: Method) -> MeanLoss:
    def mean(scores_BC: Tensor, label_B: Tensor) -> Tensor:
        generator = torch.Generator(scores_BC.device).manual_seed(0)  # the same noise for float32 and float64
        return one_a_sample(loss(scores_BC, label_B, Problem(generator=generator)), label_B).mean()

    return mean


def _difftopk_has(name: str, loss: TopKCrossEntropy, classes: int) -> bool:
    lacking = name in _NEEDS_TORCH_SPARSE and not _installed("torch_sparse")
    fits = loss.m is not None and len(loss.p_k) < loss.m < classes  # what it asks for
    return name in _DIFFTOPK and fits and not lacking


def _difftopk(name: str, loss: TopKCrossEntropy, classes: int, device: torch.device) -> Contender:
    options: dict[str, Any] = {field.name: getattr(loss, field.name) for field in fields(loss)}
    build = import_module("difftopk").TopKCrossEntropyLoss
    theirs = build(_DIFFTOPK[name], n=classes, device=str(device), **options)
    return _of_difftopk(name, theirs, loss)


def _difftopk_svm(name: str, loss: SmoothTopKSVM, classes: int, device: torch.device) -> Contender:
    theirs = getattr(import_module("difftopk"), _DIFFTOPK_SVM[name])(classes, loss.k, loss.tau, device=str(device))
    return _of_difftopk(name, theirs, loss)


def _of_difftopk(name: str, theirs: MeanLoss, loss: Method) -> Contender:
    return Contender(name, f"difftopk {metadata.version('difftopk')}", theirs, _mean(loss))


def _torchsort(loss: TopKCrossEntropy) -> Contender:
    """The label's soft rank (Blondel et al. 2020) in the same short-list: no loss of a paper, but of the same use."""
    soft_rank = import_module("torchsort").soft_rank

    def mean_rank(scores_BC: Tensor, label_B: Tensor) -> Tensor:
        scores_BM, place_B = short_list(scores_BC, label_B, loss.m)
        ranks_BM: Tensor = soft_rank(-scores_BM)
        return ranks_BM.gather(-1, place_B.unsqueeze(-1)).mean()

    return Contender("soft_rank", f"torchsort {metadata.version('torchsort')}", mean_rank, mean_rank)


def _installed(name: str) -> bool:
    return util.find_spec(name) is not None
