"""Which of a run's options have an effect beside the others, so that runs are told apart by these alone."""

from collections.abc import Mapping
from typing import Any

LEFT_ALONE: Mapping[str, Any] = {
    "lr_steps": (),
    "optimizer": "adam",
    "weight_decay": 0.0,
    "train_per_class": None,
    "train_fraction": None,
    "label_noise": 0.0,
    "noise": "block",
}
"""Values that do nothing: a run with them is the run that it was before there was such an option."""

NO_SETTING = frozenset({"device", "residency", "eval_test", "cuda_graph"})
"""What changes where and how fast a run computes, or what is looked at, but not what it is."""


def idle(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Options that have no effect beside the values of the others.

    >>> idle({"optimizer": "sgd", "label_noise": 0.2, "noise": "siblings"})
    ('noise_block',)
    """
    of_sgd = () if values["optimizer"] == "sgd" else ("momentum", "nesterov")
    if not values["label_noise"]:
        return (*of_sgd, "noise", "noise_block")
    return of_sgd if values["noise"] == "block" else (*of_sgd, "noise_block")


def with_effect(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options but for those without effect; any that a record is older than, as they were before.

    >>> with_effect({"seed": 1, "optimizer": "adam", "momentum": 0.9})["label_noise"]
    0.0
    """
    whole = {**LEFT_ALONE, **config}
    without = idle(whole)
    return {option: value for option, value in whole.items() if option not in without}
