"""What each method must reach on the demo set with the options that it takes there by itself: the floor that it states.

Floors lie more than two standard deviations below what was measured over five seeds (README.md).
"""

import re
from pathlib import Path
from statistics import mean

import pytest

from topkbench import losses, train

ONE_A_FAMILY = (
    "softmax_cross_entropy", "bitonic", "smooth_topk", "fenchel_young", "softswap_bitonic", "learnt_prototypes",
    "hierarchical_cross_entropy",
)  # fmt: skip


def stated_floor(method: str) -> tuple[float, float]:
    """Top-1 and top-5, as the method's docstring says them."""
    floor = r"reaches at least (\d+) % top-1 and (\d+) % top-5 on the demo set"
    stated = re.search(floor, losses.find(method).__doc__)
    assert stated, f"{method} states no floor"
    return int(stated[1]) / 100, int(stated[2]) / 100


def accuracies(data: Path, results: Path, method: str, seed: int) -> tuple[float, float]:
    test = train.train(data, results, method, {"seed": seed}).record.selected["per_metric"]["test"]
    return test["top1"], test["top5"]


@pytest.mark.parametrize("method", losses.names())
def test_a_floor_is_stated(method):
    top1, top5 = stated_floor(method)
    assert 0.1 < top1 < top5 < 0.9


@pytest.mark.parametrize("method", ONE_A_FAMILY)
def test_one_of_every_family(demo, tmp_path, method):
    top1, top5 = accuracies(demo, tmp_path, method, seed=0)
    least1, least5 = stated_floor(method)
    assert top1 >= least1
    assert top5 >= least5


@pytest.mark.long
@pytest.mark.timeout(1200)  # guided prototypes look at all pairs of classes in every step
@pytest.mark.parametrize("method", losses.names())
def test_every_method_over_three_seeds(demo, tmp_path, method):
    top1, top5 = (
        mean(values) for values in zip(*(accuracies(demo, tmp_path, method, s) for s in range(3)), strict=True)
    )
    least1, least5 = stated_floor(method)
    assert top1 >= least1
    assert top5 >= least5
