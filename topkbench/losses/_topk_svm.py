"""Multi-class top-k support vector machines (Berrada et al. 2018): the hard loss, and its smooth surrogate.

With s_[j] the j-th largest score but the label's, k, the margin α and the temperature τ,

    hard    [α + (s_[k] − s_y) / k]₊                                                            (their eq. 4)
    smooth  τ log(1 + exp(α/τ − s_y/(kτ)) e_k / e_{k−1}), which tends to it as τ falls          (their eq. 5, divided)

where e_d is the d-th elementary symmetric polynomial of the exp(s_j / (kτ)), j ≠ y.
"""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._method import Method
from topkbench.ops.polynomials import log_esf
from topkbench.ops.scores import at_least_float32, check_scores, finite, require_positive
from topkbench.ops.selection import largest


@dataclass(frozen=True)
class TopKSVM(Method):
    """Options of every top-k SVM.

    Attributes:
        k: the label is to be among the k best classes; 1..C − 1.
        alpha: the margin α ≥ 0, in units of the scores.
    """

    paper: ClassVar[str] = "Berrada et al. 2018"

    k: int = 5
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k = {self.k}: it must be at least 1")
        if not 0 <= self.alpha < inf:
            raise ValueError(f"alpha = {self.alpha}: the margin must be a number of at least 0")

    def checked(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scores of at least float32.

        Raises:
            TypeError, ValueError: scores and labels do not fit together, or there are no more than k classes.
        """
        check_scores(logits, target)
        if (classes := logits.shape[-1]) <= self.k:
            raise ValueError(
                f"k = {self.k} needs more classes than the {classes} there are; give k = {classes - 1} or fewer"
            )
        return at_least_float32(logits)

    def hard(self, scores_BC: Tensor, label_B: Tensor) -> Tensor:
        """The hard loss, [...]."""
        kth_B1 = largest(_others(scores_BC.detach(), label_B), self.k).indices[..., -1:]
        kth_B = finite(scores_BC.gather(-1, kth_B1)).squeeze(-1)
        return (self.alpha + (kth_B - _own(scores_BC, label_B)) / self.k).relu()


@dataclass(frozen=True)
class SmoothTopKSVM(TopKSVM):
    """Options of the smooth surrogate.

    Attributes:
        tau: temperature τ > 0, in units of the scores; the smaller, the nearer to the hard loss.
    """

    lacks: ClassVar[dict[str, str]] = {"temperature": "what it tends to is not a share of samples but the hard loss"}

    tau: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self.tau, "tau")

    def smooth(self, scores_BC: Tensor, label_B: Tensor) -> Tensor:
        """The smooth loss, [...]; in float64 inside."""
        tau = self.k * self.tau
        logs_BD = log_esf(_others(scores_BC, label_B), self.k, tau, torch.float64)
        log_ratio_B = logs_BD[..., -1] - logs_BD[..., -2] - _own(scores_BC, label_B).double() / tau
        losses_B = torch.logaddexp(self.alpha / self.tau + log_ratio_B, torch.zeros_like(log_ratio_B))
        return (self.tau * losses_B).to(scores_BC.dtype)


def _others(scores_BC: Tensor, label_B: Tensor) -> Tensor:
    """The scores, with −∞ for the label's."""
    return scores_BC.scatter(-1, label_B.unsqueeze(-1).long(), -torch.inf)


def _own(scores_BC: Tensor, label_B: Tensor) -> Tensor:
    return finite(scores_BC.gather(-1, label_B.unsqueeze(-1).long())).squeeze(-1)
