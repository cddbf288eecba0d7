"""Options that methods with prototypes share."""

from dataclasses import dataclass
from typing import Any, ClassVar

from topkbench.losses._judged import Judged
from topkbench.ops.prototypes import DISTANCES, require_distance


@dataclass(frozen=True)
class Prototypes(Judged):
    """A point for each class, in a space that a linear map leads to; a loss judges minus the distances to them.

    Attributes:
        embedding_dim: E ≥ 1, the dimensions of that space.
        distance: one of `ops.prototypes.DISTANCES`.
        huber_delta: δ > 0 of the pseudo-Huber distance in place of the euclidean one; None for none.
    """

    paper: ClassVar[str] = "Sainte Fare Garnot & Landrieu 2021"
    head: ClassVar[str] = "prototypes"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"distance": DISTANCES}

    embedding_dim: int = 64
    distance: str = "euclidean"
    huber_delta: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_dimensions(self.embedding_dim)
        require_distance(self.distance, self.huber_delta)

    def head_options(self) -> dict[str, Any]:
        """The space, and how it measures."""
        return {option: getattr(self, option) for option in ("embedding_dim", "distance", "huber_delta")}


def require_dimensions(embedding_dim: int) -> None:
    """Refuse a space without dimensions.

    Raises:
        ValueError: it has none.
    """
    if embedding_dim < 1:
        raise ValueError(f"embedding_dim = {embedding_dim}: it must be at least 1")
