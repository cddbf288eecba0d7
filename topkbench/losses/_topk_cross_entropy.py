"""The top-k cross-entropy (Petersen et al. 2022): how the ranks of the label make a loss.

With P[r, y] the probability that the label y has rank r, and Q_k = Σ_{r ≤ k} P[r, y] that it is among the top k,
the loss asks for Q_k with weight p_k, for several k at once. ε(q) = −log(q (1 − 2e-7) + 1e-7) is finite at q = 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._method import Method
from topkbench.losses._short_list import short_list
from topkbench.ops.cached import cached
from topkbench.ops.scores import check_scores
from topkbench.problem import Problem

TOP1_MODES = ("sm", "smce", "sort")


@dataclass(frozen=True)
class TopKCrossEntropy(Method):
    """A top-k cross-entropy, whatever operator gives the label's distribution over ranks.

    Attributes:
        p_k: the weight of the top-k objective for k = 1, 2, …; finite, ≥ 0, of sum 1.
        m: classes on the short-list, k..C, or None for all of them.
        top1_mode: where the top-1 part comes from.
            `sort`: the operator alone, ε(Σ_k p_k Q_k).
            `sm`: the same with Q_1 the softmax over the short-list.
            `smce`: p_1 · cross-entropy over the short-list + (Σ_{k≥2} p_k) · ε(Σ_{k≥2} p_k Q_k).
    """

    choices: ClassVar[dict[str, tuple[str, ...]]] = {"top1_mode": TOP1_MODES}

    p_k: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)
    m: int | None = 16
    top1_mode: str = "sm"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "p_k", check_p_k(self.p_k))
        if self.m is not None and self.m < len(self.p_k):
            k = len(self.p_k)
            raise ValueError(f"m = {self.m} is below k = {k}, the number of p_k; give m = {k} or more, or fewer p_k")
        if self.m == 1:
            raise ValueError("m = 1 leaves the label alone, with nothing to learn; give m = 2 or more")

    @property
    def runs_operator(self) -> bool:
        """Whether the ranks matter: not where top-1 is all that is asked for and the softmax answers it."""
        return self.top1_mode == "sort" or any(self.p_k[1:])

    def label_rank_distribution(
        self, scores_BM: Tensor, label_B: Tensor, k: int, problem: Problem = Problem()
    ) -> Tensor:
        """[..., B, M], [..., B] -> [..., B, K]: the probability that the label has rank 1, …, k."""
        raise NotImplementedError

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = Problem()) -> Tensor:
        """The top-k cross-entropy of each sample: [..., B, C], [..., B] -> [..., B]."""
        return self._weighed(logits, target, problem, (self.p_k,))

    def alike(self) -> "TopKCrossEntropy":
        """The weights decide nothing about the ranks, but how many there are does, and whether they are asked for."""
        k = len(self.p_k)
        return replace(self, p_k=(1 / k,) * k) if self.runs_operator else self

    def jointly(self, members: Sequence[Method], logits: Tensor, target: Tensor, problem: Problem) -> Tensor:
        """The losses of heads that differ in their p_k: their ranks come from one call of the operator."""
        p_ks = tuple(each.p_k for each in members)  # type: ignore[attr-defined]
        return self._weighed(logits, target, problem, p_ks if len(set(p_ks)) > 1 else p_ks[:1])

    def _weighed(self, logits: Tensor, target: Tensor, problem: Problem, p_ks: tuple[tuple[float, ...], ...]) -> Tensor:
        """With one p_k for all heads, or one for each."""
        check_scores(logits, target)
        scores_BM, label_B = short_list(logits, target, self.m)
        if len(self.p_k) > scores_BM.shape[-1]:
            classes = scores_BM.shape[-1]
            raise ValueError(
                f"p_k has {len(self.p_k)} values, but there are only {classes} classes; give {classes} or fewer"
            )
        if self.top1_mode == "sort":
            return _epsilon(self._reached(scores_BM, label_B, p_ks, problem))
        log_softmax_B = scores_BM.log_softmax(-1).gather(-1, label_B.unsqueeze(-1).long()).squeeze(-1)
        first = _column(tuple(p_k[0] for p_k in p_ks), scores_BM.dtype, scores_BM.device)
        if not self.runs_operator:
            return -first * log_softmax_B if self.top1_mode == "smce" else _epsilon(first * log_softmax_B.exp())
        reached_B = self._reached(scores_BM, label_B, tuple((0.0, *p_k[1:]) for p_k in p_ks), problem)
        if self.top1_mode == "smce":
            rest = _column(tuple(sum(p_k[1:]) for p_k in p_ks), scores_BM.dtype, scores_BM.device)
            return -first * log_softmax_B + rest * _epsilon(reached_B)
        return _epsilon(first * log_softmax_B.exp() + reached_B)

    def _reached(
        self, scores_BM: Tensor, label_B: Tensor, p_ks: tuple[tuple[float, ...], ...], problem: Problem
    ) -> Tensor:
        """Σ_k p_k Q_k = Σ_r P[r, y] Σ_{k ≥ r} p_k."""
        ranks_BK = self.label_rank_distribution(scores_BM, label_B, len(p_ks[0]), problem)
        return (ranks_BK * _worth(p_ks, ranks_BK.dtype, ranks_BK.device)).sum(-1)  # no product that autocast rounds


@cached()
def _worth(p_ks: tuple[tuple[float, ...], ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Σ_{k ≥ r} p_k for r = 1, 2, …: what the label's being at rank r is worth. [K], or for several heads [H, 1, K]."""
    worth_H1K = torch.tensor([[[sum(p_k[r:]) for r in range(len(p_k))]] for p_k in p_ks], dtype=dtype, device=device)
    return worth_H1K if len(p_ks) > 1 else worth_H1K[0, 0]


@cached()
def _column(of_head: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor | float:
    """A number of each head, [H, 1], or the only one."""
    return torch.tensor(of_head, dtype=dtype, device=device).unsqueeze(-1) if len(of_head) > 1 else of_head[0]


def _epsilon(q: Tensor) -> Tensor:
    return -torch.log(q * (1 - 2e-7) + 1e-7)


def check_p_k(p_k: tuple[float, ...]) -> tuple[float, ...]:
    """The weights as a tuple of floats.

    Raises:
        ValueError: none, one that is negative or not finite, or a sum that differs from 1 by more than 1e-6.

    >>> check_p_k([1, 0])
    (1.0, 0.0)
    """
    values = tuple(float(p) for p in p_k)
    shown = " ".join(f"{p:g}" for p in values)
    if not values or not all(isfinite(p) and p >= 0 for p in values):
        raise ValueError(f"p_k = {shown or 'nothing'}; every value must be a number of at least 0")
    if abs(sum(values) - 1) > 1e-6:
        raise ValueError(f"p_k = {shown} sums to {sum(values):g}; it must sum to 1")
    return values
