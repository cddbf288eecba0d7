"""How often the report's intervals hold the truth, and how often its tests find a difference where there is none.

    python benchmarks/coverage.py --experiments 2000

Simulates experiments and prints two tables, a row a regime: the coverage of every 95 % interval, and the rate of
experiments in which Holm's tests of four equal methods, six pairs, find any difference at .05. The exact 99 % binomial
interval of every rate that is above .05 follows it.

A head is right on an image where level + image + luck > 0, all normal: `level` is its method's (accuracy .6, or .62 for
a better one) and its seed's, which spreads accuracies by the regime's points; `image` is how easy the image is for its
method, most of it for all methods alike; `luck` is of this head and this image. Of heads of two methods one alone is
right on some 12 % of the images.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import binomtest

from topkbench.report.statistics import Claim, crossed, heads, holm, joint, paired_t, wilson

EASE, TASTE, LUCK = 0.92, 0.03, 0.05  # variances of: image, image × method, image × method × seed; 1 in all
ACCURACY, BETTER = 0.6, 0.62
EQUAL = 4  # methods
PAIRS = np.triu_indices(EQUAL, 1)
ALPHA = 0.05
WRONG = "(paired t of other images)"
"""What the paired t test does not claim: what happens to those who read it so."""


@dataclass(frozen=True)
class Regime:
    """Numbers of test images (a multiple of 4) and seeds, and the deviation of accuracy between seeds, in points."""

    images: int
    seeds: int
    points: float

    @property
    def spread(self) -> float:
        """The same deviation of `level`."""
        slope = np.exp(-(ndtri(ACCURACY) ** 2) / 2) / np.sqrt(2 * np.pi)
        return float(self.points / 100 / slope)


REGIMES = [Regime(*each) for each in product((500, 2500), (5, 10), (0.3, 1.0, 3.0))]


def train(rng: Any, level_MS: Any, image_MN: Any) -> list[dict[int, Any]]:
    """The hits of heads of these levels on these images."""
    luck_MSN = np.sqrt(LUCK) * rng.standard_normal((*level_MS.shape, image_MN.shape[1]), dtype=np.float32)
    hits_MSN = level_MS[..., None] + image_MN[:, None] + luck_MSN > 0
    return [dict(enumerate(hits_SN)) for hits_SN in hits_MSN]


def images(rng: Any, methods: int, count: int) -> Any:
    """How easy new images are: [M, N]."""
    return np.sqrt(EASE) * rng.standard_normal(count) + np.sqrt(TASTE) * rng.standard_normal((methods, count))


def equal_images(rng: Any, count: int) -> Any:
    """Images on which four methods are equal, though each likes others: they take turns at four of the same ease."""
    ease_N = np.sqrt(EASE) * np.repeat(rng.standard_normal(count // EQUAL), EQUAL)
    taste = np.sqrt(TASTE) * rng.standard_normal((count // EQUAL, EQUAL))
    return ease_N + np.stack([np.roll(taste, turn, axis=1).ravel() for turn in range(EQUAL)])


def coverage(rng: Any, regime: Regime) -> dict[str, bool]:
    """One experiment, seeds and images drawn, of a method and a better one: which intervals hold the truth."""
    mean_M = ndtri([ACCURACY, BETTER])
    level_MS = mean_M[:, None] + regime.spread * rng.standard_normal((2, regime.seeds))
    image_MN = images(rng, 2, regime.images)
    hits = train(rng, level_MS, image_MN)

    (head_truth_S,) = np.diff(ndtr(level_MS), axis=0)
    (truth,) = np.diff(ndtr(mean_M / np.sqrt(1 + regime.spread**2)))
    (truth_here,) = np.diff(ndtr((mean_M[:, None] + image_MN) / np.sqrt(LUCK + regime.spread**2)).mean(1))
    low, high = wilson(hits[0][0].sum(), regime.images)
    pair = joint(hits).of(0, 1)
    return {
        "Wilson": bool(low <= ndtr(level_MS[0, 0]) <= high),
        "1 head": holds(heads.claim(tally(*hits, 1)), head_truth_S[0]),
        "3 heads": holds(heads.claim(tally(*hits, 3)), head_truth_S[:3].mean()),
        "crossed": holds(crossed(pair), truth),
        "paired t": holds(paired_t(pair.differences), truth_here),
        WRONG: holds(paired_t(pair.differences), truth),
    }


def findings(rng: Any, regime: Regime) -> dict[str, bool]:
    """Three experiments with four methods that are equal in what is claimed: whether any difference is found."""
    alike = np.full((EQUAL, 3), ndtri(ACCURACY))
    level_MS = ndtri(ACCURACY) + regime.spread * rng.standard_normal((EQUAL, regime.seeds))
    trained = train(rng, alike, images(rng, EQUAL, regime.images))
    anywhere = joint(train(rng, level_MS, images(rng, EQUAL, regime.images)))
    here = joint(train(rng, level_MS, equal_images(rng, regime.images)))
    return {
        "1 head": any_found([heads.p_value(tally(*two, 1)) for two in combinations(trained, 2)]),
        "3 heads": any_found([heads.p_value(tally(*two, 3)) for two in combinations(trained, 2)]),
        "crossed": any_found(crossed(anywhere.of(*PAIRS)).p),
        "paired t": any_found(paired_t(here.differences[:, *PAIRS]).p),
    }


def tally(a: Mapping[int, Any], b: Mapping[int, Any], count: int) -> Any:
    """The tally of the first heads of two methods."""
    return heads.tally(*({seed: hits[seed] for seed in range(count)} for hits in (a, b)))


def holds(claim: Claim, truth: float) -> bool:
    return bool(claim.low <= truth <= claim.high)


def any_found(p: Any) -> bool:
    return bool((holm(p) <= ALPHA).any())


def rates(what: Any, regime: Regime, experiments: int, seed: int) -> dict[str, int]:
    """In how many experiments each was so."""
    rng = np.random.default_rng([seed, regime.images, regime.seeds, round(10 * regime.points)])
    counted: Counter[str] = Counter()
    for _ in range(experiments):
        counted.update(what(rng, regime))
    return dict(counted)


def shown(count: int, experiments: int, limit: float) -> str:
    """A percentage; the exact 99 % interval too where it is above the limit."""
    interval = binomtest(count, experiments).proportion_ci(0.99)
    beyond = f" ({100 * interval.low:.1f}–{100 * interval.high:.1f})" if count / experiments > limit else ""
    return f"{100 * count / experiments:.1f}{beyond}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for what, limit in ((coverage, 1), (findings, ALPHA)):
        for regime in REGIMES:
            counted = rates(what, regime, arguments.experiments, arguments.seed)
            if regime == REGIMES[0]:
                print(f"\n| images | seeds | spread, points | {' | '.join(counted)} |\n|{'---|' * (3 + len(counted))}")
            cells = [shown(count, arguments.experiments, limit) for count in counted.values()]
            print(f"| {regime.images} | {regime.seeds} | {regime.points:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
