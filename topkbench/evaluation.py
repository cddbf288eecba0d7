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
    return [_measured({name: column_HN[head] for name, column_HN in columns.items()}, whole) for head in range(heads)]


def _block(scores_HBC: Tensor, y_B: Tensor, distances_CC: Tensor | None, whole: bool) -> dict[str, Tensor]:
    """Everything that is known of each row of a block, [H, B] each."""
    found = {"rank": metrics.ranks(scores_HBC, y_B).int()}
    if whole or distances_CC is not None:
        found["prediction"] = metrics.predictions(scores_HBC).int()
    if distances_CC is not None:
        found["is_wrong"] = found["prediction"] != y_B
        found["average_cost"] = metrics.costs(distances_CC, found["prediction"], y_B)
        for k in BEST_OF if whole else ():
            found[f"best_cost{k}"] = metrics.best_costs(distances_CC, scores_HBC, y_B, k)
    return found


def _measured(rows: Mapping[str, Tensor], whole: bool) -> Measured:
    accuracies = metrics.top_k(rows["rank"])
    costs = _costs(rows) if "is_wrong" in rows else None
    if not whole:
        return Measured(accuracies, costs=costs)
    return Measured(accuracies, rows["rank"].cpu().numpy(), rows["prediction"].cpu().numpy(), costs)


def _costs(rows: Mapping[str, Tensor]) -> dict[str, float | None]:
    """Means over the rows; what a mistake costs is unknown where there is none."""
    means = {name: float(column_N.double().mean()) for name, column_N in rows.items() if "cost" in name}
    error_rate = float(rows["is_wrong"].double().mean())
    of_mistakes = means["average_cost"] / error_rate if error_rate else None  # what is right costs nothing
    return {"error_rate": error_rate, "mistake_cost": of_mistakes, **means}
