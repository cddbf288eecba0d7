"""Options that the relaxed permutation matrices without a network share."""

from dataclasses import dataclass

from topkbench.losses._topk_cross_entropy import TopKCrossEntropy
from topkbench.ops.scores import require_positive


@dataclass(frozen=True)
class SoftPermutation(TopKCrossEntropy):
    """The label's ranks out of a matrix with one temperature.

    Attributes:
        inverse_temperature: 1 / τ > 0; the larger, the harder the matrix.
    """

    inverse_temperature: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self.inverse_temperature, "inverse_temperature")

    def idle(self) -> tuple[str, ...]:
        """The temperature of a matrix that is not used."""
        return () if self.runs_operator else ("inverse_temperature",)
