"""Options that the differentiable sorting networks share."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from topkbench.losses._topk_cross_entropy import TopKCrossEntropy
from topkbench.ops import diffsort
from topkbench.ops.networks import Network
from topkbench.ops.relaxation import DISTRIBUTIONS, Relaxation
from topkbench.problem import Problem


@dataclass(frozen=True)
class SortingNetwork(TopKCrossEntropy):
    """The label's ranks out of a relaxed comparator network (Petersen et al. 2021, 2022).

    Attributes:
        distribution: what relaxes a comparator; one of `ops.relaxation.DISTRIBUTIONS`.
        inverse_temperature: β > 0; the larger, the harder the comparators.
        art_lambda: λ in [0, 1) of logistic_phi; other distributions do not use it.
    """

    paper: ClassVar[str] = "Petersen et al. 2022"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {**TopKCrossEntropy.choices, "distribution": DISTRIBUTIONS}

    distribution: str = "logistic_phi"
    inverse_temperature: float = 1.0
    art_lambda: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        Relaxation(self.distribution, self.inverse_temperature, self.art_lambda)  # which refuses what has no meaning

    def idle(self) -> tuple[str, ...]:
        """art_lambda, unless the distribution is logistic_phi; all options of a network that is not run."""
        if not self.runs_operator:
            return ("distribution", "inverse_temperature", "art_lambda")
        return () if self.distribution == "logistic_phi" else ("art_lambda",)

    def network(self, m: int, k: int) -> Network:
        """A network on m wires that brings the k largest to the last k."""
        raise NotImplementedError

    def label_rank_distribution(
        self, scores_BM: Tensor, label_B: Tensor, k: int, problem: Problem = Problem()
    ) -> Tensor:
        """[..., B, M], [..., B] -> [..., B, K], by `ops.diffsort`."""
        layers = self.network(scores_BM.shape[-1], k)
        return diffsort.label_rank_distribution(
            scores_BM, label_B, layers, k, self.distribution, self.inverse_temperature, self.art_lambda
        )
