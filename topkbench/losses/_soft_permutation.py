"""Options that the relaxed permutation matrices without a network share."""

from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

from torch import Tensor

from topkbench.losses._topk_cross_entropy import TopKCrossEntropy
from topkbench.ops.options import require_positive
from topkbench.problem import Problem


@dataclass(frozen=True)
class SoftPermutation(TopKCrossEntropy):
    """The label's ranks out of a matrix with one temperature.

    Attributes:
        inverse_temperature: 1 / τ > 0; the larger, the harder the matrix.
    """

    operator: ClassVar[ModuleType]
    """The module in `ops` that gives the label's distribution over ranks."""

    inverse_temperature: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self.inverse_temperature, "inverse_temperature")

    def idle(self) -> tuple[str, ...]:
        """The temperature of a matrix that is not used."""
        return () if self.runs_operator else ("inverse_temperature",)

    def label_rank_distribution(
        self, scores_BM: Tensor, label_B: Tensor, k: int, problem: Problem = Problem()
    ) -> Tensor:
        """[..., B, M], [..., B] -> [..., B, K], by the operator."""
        ranks_BK: Tensor = self.operator.label_rank_distribution(scores_BM, label_B, k, 1 / self.inverse_temperature)
        return ranks_BK
