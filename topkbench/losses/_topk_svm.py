"""Multi-class top-k support vector machines (Berrada et al. 2018): the hard loss, and its smooth surrogate.

With s_[j] the j-th largest score but the label's, k, the margin α and the temperature τ,

    hard    [α + (s_[k] − s_y) / k]₊                                                            (their eq. 4)
    smooth  τ log(1 + exp(α/τ − s_y/(kτ)) e_k / e_{k−1}), which tends to it as τ falls          (their eq. 5, divided)

where e_d is the d-th elementary symmetric polynomial of the exp(s_j / (kτ)), j ≠ y.
"""

from dataclasses import dataclass
from math import inf, nan
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._method import Method
from topkbench.ops.options import require_not_negative, require_positive
from topkbench.ops.polynomials import log_ratio
from topkbench.ops.scores import at_least_float32, check_scores, finite
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
        require_not_negative(self.alpha, "alpha")

    def apart(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The scores with −∞ for the label's, [..., C], and the label's, [...]; of at least float32.

        Raises:
            TypeError, ValueError: scores and labels do not fit together, or there are no more than k classes.
        """
        check_scores(logits, target)
        if (classes := logits.shape[-1]) <= self.k:
            cure = f"give k = {classes - 1} or fewer" if classes > 1 else "give two or more"
            raise ValueError(f"k = {self.k} needs more classes than the {classes} there are; {cure}")
        scores_BC, label_B1 = at_least_float32(logits), target.unsqueeze(-1).long()
        return scores_BC.scatter(-1, label_B1, -inf), finite(scores_BC.gather(-1, label_B1)).squeeze(-1)

    def hard(self, others_BC: Tensor, own_B: Tensor) -> Tensor:
        """The hard loss, [...]."""
        best_BK, index_BK = largest(others_BC.detach(), self.k)
        kth_B = finite(others_BC.gather(-1, index_BK[..., -1:])).squeeze(-1)
        losses_B = (self.alpha + (kth_B - own_B) / self.k).relu()
        return losses_B.masked_fill(best_BK[..., 0].isnan(), nan)  # which counts as the largest, and is not the k-th


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

    def smooth(self, others_BC: Tensor, own_B: Tensor) -> Tensor:
        """The smooth loss, [...]; in float64 inside."""
        excess_B = self.alpha / self.tau + log_ratio(others_BC, own_B, self.k, self.k * self.tau)
        return (self.tau * torch.logaddexp(excess_B, torch.zeros_like(excess_B))).to(others_BC.dtype)
