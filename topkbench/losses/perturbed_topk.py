"""Top-k cross-entropy through ranks under noise."""

from dataclasses import dataclass
from math import inf, nan
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._topk_cross_entropy import TopKCrossEntropy
from topkbench.ops.perturbed import NOISES, perturbed
from topkbench.problem import Problem


@dataclass(frozen=True)
class Loss(TopKCrossEntropy):
    """Rank the short-list under noise, time and again; ask for the label's rank (Berthet et al. 2020).

    The loss is `TopKCrossEntropy`'s with P[r, y] the share of the noise's samples θ + σ Z in which the label y has
    rank r, and `ops.perturbed`'s estimate of the gradient. Where no sample, or every one, finds the label among the
    top k, that estimate is zero. So top1_mode `sort` gives up a label that scores many σ below the top k, while `sm`
    and `smce`, whose top-1 part is a softmax, still pull at it; and σ must not be small beside the differences of
    scores that are to be learnt from.

    It reaches at least 60 % top-1 and 83 % top-5 on the demo set.

    The shares and their gradient are without bias; the logarithm of a share is not: it is too large by O(1 / n) for n
    samples, which tells where the share is small.

    Attributes:
        sigma: σ > 0, the scale of the noise, in units of the scores.
        num_samples: samples of the noise for each sample of the batch, ≥ 1.
        perturbation: `gumbel` or `normal`, the noise.

    >>> loss = Loss(p_k=(1.0,), m=2, top1_mode="sort", sigma=1.0, num_samples=10**6)
    >>> loss(torch.tensor([[0.0, 1.0, -9.0]]), torch.tensor([1])).round(decimals=1)  # −log σ(1) = 0.3133
    tensor([0.3000])
    """

    paper: ClassVar[str] = "Berthet et al. 2020"
    draws_noise: ClassVar[bool] = True
    choices: ClassVar[dict[str, tuple[str, ...]]] = {**TopKCrossEntropy.choices, "perturbation": NOISES}
    lacks: ClassVar[dict[str, str]] = {
        "gradient": "it is an estimate: of the ranks without bias, of the logarithm off by O(1 / num_samples)",
        "sample independence": "a sample's noise depends on its place in the batch",
        "stacked heads": "a head's noise depends on its place in the stack",
        "temperature": "it is sigma",
        "gpu": "a device draws noise of its own",
    }

    sigma: float = 1.0
    num_samples: int = 100
    perturbation: str = "gumbel"

    def __post_init__(self) -> None:
        super().__post_init__()
        perturbed(None, self.num_samples, self.sigma, self.perturbation)  # which refuses what has no meaning

    def idle(self) -> tuple[str, ...]:
        """The noise of ranks that are not asked for."""
        return () if self.runs_operator else ("sigma", "num_samples", "perturbation")

    def label_rank_distribution(
        self, scores_BM: Tensor, label_B: Tensor, k: int, problem: Problem = Problem()
    ) -> Tensor:
        """[..., B, M], [..., B] -> [..., B, K], by `ops.perturbed`."""
        label_B1 = label_B.unsqueeze(-1).long()
        own_B1, others_BM = scores_BM.gather(-1, label_B1), scores_BM.scatter(-1, label_B1, -inf)
        ranks = perturbed(_rank, self.num_samples, self.sigma, self.perturbation, generator=problem.generator)
        ranks_NK: Tensor = ranks(own_B1.flatten(end_dim=-2), others_BM.flatten(end_dim=-2), k)
        return ranks_NK.view(*label_B.shape, k).masked_fill(own_B1.isnan(), nan)  # no comparison shows a NaN


def _rank(own_N1: Tensor, others_NM: Tensor, k: int) -> Tensor:
    """Whether the own score has rank 1, …, k, [N, K]."""
    better_N1 = (others_NM > own_N1).sum(-1, keepdim=True)
    return better_N1 == torch.arange(k, device=better_N1.device)
