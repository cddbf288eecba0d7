"""The softmax cross-entropy, which every other method is compared with."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._method import Method
from topkbench.losses._topk_cross_entropy import check_p_k
from topkbench.ops.scores import at_least_float32, check_scores
from topkbench.problem import Problem


@dataclass(frozen=True)
class Loss(Method):
    """−log softmax(logits)[target], over all classes.

    It reaches at least 60 % top-1 and 83 % top-5 on the demo set.

    Attributes:
        p_k: 1, then any number of zeros: it is a top-1 loss (difftopk's rule).

    >>> Loss()(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))  # log(1 + exp(−1))
    tensor([0.3133])
    """

    paper: ClassVar[str] = "textbook"
    aliases: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    lacks: ClassVar[dict[str, str]] = {
        "temperature": "it has none; scale the scores instead",
        "infinities": "+∞, or −∞ for the label, gives ∞ or NaN, as torch's own does; bounding scores costs a pass",
    }

    p_k: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "p_k", check_p_k(self.p_k))
        if self.p_k[0] != 1:
            shown = " ".join(f"{p:g}" for p in self.p_k)
            raise ValueError(f"p_k = {shown}, but it is a top-1 loss; give --p-k 1, or choose a top-k method")

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = Problem()) -> Tensor:
        """The cross-entropy of each sample: [..., B, C], [..., B] -> [..., B]."""
        check_scores(logits, target)
        scores = at_least_float32(logits).flatten(end_dim=-2)
        losses = torch.nn.functional.cross_entropy(scores, target.flatten().long(), reduction="none")
        return losses.view(target.shape)
