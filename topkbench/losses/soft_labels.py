"""The cross-entropy with labels that are soft towards near classes."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._method import Method
from topkbench.losses._needs import distances_from, largest_distance, needed
from topkbench.ops.options import require_positive
from topkbench.ops.scores import check_scores, finite
from topkbench.problem import Problem


@dataclass(frozen=True)
class Loss(Method):
    """Σ_c q_c (log q_c − log softmax(s)_c), q = softmax(−β D[y] / max D) (Bertinetto et al. 2020, §3.2).

    Their cross-entropy less the entropy of the label q, as in Sainte Fare Garnot & Landrieu 2021: the gradients are the
    same, and a perfect fit costs nothing. With a large β it is the cross-entropy.

    It reaches at least 60 % top-1 and 84 % top-5 on the demo set.

    Attributes:
        beta: β > 0; the larger, the harder the labels. Distances count in units of the largest one.

    >>> problem = Problem(distances=torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> Loss(beta=1.0986)(torch.zeros(1, 2), torch.tensor([0]), problem)  # q = ¾, ¼: ¾ log ¾ + ¼ log ¼ + log 2
    tensor([0.1308])
    """

    paper: ClassVar[str] = "Bertinetto et al. 2020"
    needs: ClassVar[tuple[str, ...]] = ("distances",)
    lacks: ClassVar[dict[str, str]] = {
        "temperature": "it has none in the scores; beta is that of the labels",
        "masked classes": "every class is a little of the label, so that a mask costs what it is below the others",
    }

    beta: float = 10.0

    def __post_init__(self) -> None:
        require_positive(self.beta, "beta")

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = Problem()) -> Tensor:
        """The divergence of each sample: [..., B, C], [..., B] -> [..., B]."""
        check_scores(logits, target)
        log_p_BC = finite(logits).log_softmax(-1)
        distances_BC = distances_from(target, problem, log_p_BC)
        in_largest_BC = distances_BC / largest_distance(needed(problem, "distances"))
        beta = min(self.beta, torch.finfo(in_largest_BC.dtype).max)  # ∞ times the label's own distance, 0, is NaN
        log_q_BC = (in_largest_BC * -beta).log_softmax(-1)
        return (log_q_BC.exp() * (log_q_BC - log_p_BC)).sum(-1)
