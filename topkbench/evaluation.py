"""What heads make of the rows of a split: ranks, predictions, and what mistakes cost.

Legend: H stacked heads, B batch, N rows of the split, C classes.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from topkbench import metrics
from topkbench.selection import Measured

BEST_OF = (5, 10, 20)
"""The k of the best cost in the top k."""


def measure(
    scored: Iterator[tuple[Tensor, Tensor]], distances_CC: Tensor | None, *, whole: bool = True
) -> list[Measured]:
    """Measure each head of a stack.

    Args:
        scored: scores [H, B, C] and labels [B], block by block.
        distances_CC: how far the classes are apart, if that is known: then mistakes have costs.
        whole: ranks and predictions are wanted too, and the best costs.
    """
    blocks = [_block(scores_HBC, y_B, distances_CC, whole) for scores_HBC, y_B in scored]
    columns = {name: torch.cat([block[name] for block in blocks], -1) for name in blocks[0]}
    heads = len(columns["rank"])
    rows = ({name: column_HN[head] for name, column_HN in columns.items()} for head in range(heads))
    return [_measured(of_head, distances_CC, whole) for of_head in rows]


def _block(scores_HBC: Tensor, y_B: Tensor, distances_CC: Tensor | None, whole: bool) -> dict[str, Tensor]:
    """Everything that is known of each row of a block, [H, B] each."""
    rank_HB = metrics.ranks(scores_HBC, y_B)
    found = {"rank": rank_HB.int()}
    if whole or distances_CC is not None:
        found["prediction"] = metrics.predictions(scores_HBC, y_B, rank_HB).int()
    if distances_CC is not None:
        found["label"] = y_B.expand(len(scores_HBC), -1)
        best = metrics.best_costs(distances_CC, scores_HBC, y_B, BEST_OF, rank_HB) if whole else ()
        found |= {f"best_cost{k}": cost_HB for k, cost_HB in zip(BEST_OF, best, strict=False)}
    return found


def _measured(rows: Mapping[str, Tensor], distances_CC: Tensor | None, whole: bool) -> Measured:
    accuracies = metrics.top_k(rows["rank"])
    costs = None if distances_CC is None else _costs(rows, distances_CC)
    if not whole:
        return Measured(accuracies, costs=costs)
    return Measured(accuracies, rows["rank"].cpu().numpy(), rows["prediction"].cpu().numpy(), costs)


def _costs(rows: Mapping[str, Tensor], distances_CC: Tensor) -> dict[str, float | None]:
    """Means over the rows; what a mistake costs is unknown where there is none."""
    which = (distances_CC, rows["prediction"], rows["label"])
    error_rate = float((rows["rank"] > 1).double().mean())
    best = {name: float(column_N.double().mean()) for name, column_N in rows.items() if name.startswith("best_cost")}
    return {
        "error_rate": error_rate,
        "mistake_cost": float(metrics.mistake_cost(*which)) if error_rate else None,
        "average_cost": float(metrics.average_cost(*which)),
        **best,
    }
