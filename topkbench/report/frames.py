"""Records → one flat row a run."""

from collections.abc import Iterable
from typing import Any, get_args

import pandas as pd

from topkbench.errors import UsageError
from topkbench.option_effects import with_effect
from topkbench.runs import RULES, Record, Rule

METRICS = ("top1", "top5", "top10", "top20")
KS = tuple(int(metric.removeprefix("top")) for metric in METRICS)
VALID = tuple(f"valid_{metric}" for metric in METRICS)
COSTS = ("error_rate", "average_cost", "mistake_cost", "best_cost5", "best_cost10", "best_cost20")
"""What mistakes cost, where the classes have a hierarchy; at the evaluation of the best top-1, or the last."""
SPENT = ("seconds", "steps_per_second", "memory")
"""Of a pass its share: wall time, steps over that, and bytes at the most."""
WHICH = ("dataset", "checksum", "method", "p_k", "seed")
DATA = ("hierarchy", "n_train", "n_test", "n_classes", "dim")
OUTCOME = (
    "select",
    *METRICS,
    *VALID,
    *COSTS,
    *SPENT,
    *DATA,
    "epoch",
    "step",
    "heads",
    "machine",
    "status",
    "error",
    "started",
    "run_id",
)


def frame(records: Iterable[Record], select: Rule = "per_metric") -> pd.DataFrame:
    """Lay records out as a table of one row a run.

    Its columns are what the run was of (`WHICH`), every option of its config, and what came of it
    (`OUTCOME`): top1 … top20 are test accuracies, fractions, at the evaluation that `select` picks, and
    error_rate … best_cost20 what mistakes cost there; NaN where there are none. `hierarchy` is the checksum
    of that which costs were measured with, None where there was none; `epoch` and `step` are of the evaluation with
    the best top-1, or the last. Options keep Python's own values (lists become tuples): an m of 16 never turns into
    16.0.

    Raises:
        UsageError: there is no such selection rule.
    """
    if select not in RULES:
        raise UsageError(f"unknown selection rule {select!r}; choose one of {', '.join(get_args(Rule))}")
    flat = [_row(record, select) for record in records]
    options = dict.fromkeys(name for row in flat for name in row if name not in {*WHICH, *OUTCOME})
    columns = [*WHICH, *options, *OUTCOME]
    return pd.DataFrame(flat, columns=columns, dtype=object).astype(
        dict.fromkeys((*METRICS, *VALID, *COSTS, *SPENT), float)
    )


def one_evaluation(select: Rule) -> Rule:
    """Where costs come from: a rule that picks one evaluation for them all."""
    return "best_top1" if select == "per_metric" else select


def _row(record: Record, select: Rule) -> dict[str, Any]:
    selected = record.selected.get(select, {})
    accuracies, valid = selected.get("test") or {}, selected.get("valid") or {}
    single = record.selected.get(one_evaluation(select), {})
    costs = single.get("test_costs") or {}
    return {
        **{_column(option): _hashable(value) for option, value in with_effect(record.config).items()},
        **{metric: accuracies.get(metric) for metric in METRICS},
        **{f"valid_{metric}": valid.get(metric) for metric in METRICS},
        **{cost: costs.get(cost) for cost in COSTS},
        **{fact: record.data.get(fact) for fact in DATA},
        **_spent(record),
        "dataset": record.data["name"],
        "checksum": record.data.get("checksum"),
        "select": select,
        "epoch": single.get("epoch"),
        "step": single.get("step"),
        "heads": record.environment.get("heads"),
        "machine": record.environment.get("device"),
        "status": record.status,
        "error": record.error,
        "started": record.started,
        "run_id": record.run_id,
    }


def _column(option: str) -> str:
    """The column of an option; a user's own loss may call one as an outcome is called."""
    return f"{option}_option" if option in OUTCOME else option


def _spent(record: Record) -> dict[str, float | None]:
    steps = record.history[-1].get("step") if record.history else None
    return {
        "seconds": record.seconds,
        "steps_per_second": steps / record.seconds if steps and record.seconds else None,
        "memory": record.environment.get("memory"),
    }


def _hashable(value: Any) -> Any:
    """Lists as tuples and mappings as tuples of pairs, so that equal settings can be grouped."""
    if isinstance(value, list | tuple):
        return tuple(_hashable(inner) for inner in value)
    if isinstance(value, dict):
        return tuple((key, _hashable(inner)) for key, inner in sorted(value.items()))
    return value
