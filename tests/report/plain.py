"""The statistics that bold rests on, written down plainly: loops over whole numbers, and scipy's distributions."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from scipy import stats

Hits = Sequence[Sequence[bool]]
"""Whether each image is right, by seed: [S][N]."""
Pair = tuple[int, int]


def crossed(a: Hits, b: Hits) -> float:
    """p of the claim about methods: the mean of d_si against zero, seeds and images crossed random effects.

    d_si = b's hit − a's = μ + seed_s + image_i + rest_si. With the mean squares of this two-way table the variance of
    the mean is (MS_seed + MS_image − MS_rest) / (S N), but at least MS_rest / (S N); its degrees of freedom are the
    harmonic mean of S − 1 and N − 1, weighted by the share of MS_seed in the variance and by what is left of one.
    """
    d = [[int(y) - int(x) for x, y in zip(of_a, of_b, strict=True)] for of_a, of_b in zip(a, b, strict=True)]
    seeds, images = len(d), len(d[0])
    mean = Fraction(sum(map(sum, d)), seeds * images)
    of_seed = [Fraction(sum(row), images) for row in d]
    of_image = [Fraction(sum(column), seeds) for column in zip(*d, strict=True)]
    seed = images * sum((each - mean) ** 2 for each in of_seed) / (seeds - 1)
    image = seeds * sum((each - mean) ** 2 for each in of_image) / (images - 1)
    total = sum(value**2 for row in d for value in row) - seeds * images * mean**2
    rest = (total - seed * (seeds - 1) - image * (images - 1)) / ((seeds - 1) * (images - 1))
    variance = max(seed + image - rest, rest)
    if variance == 0:
        return 1.0 if mean == 0 else 0.0
    share = min(seed / variance, 1)
    freedom = 1 / (share / (seeds - 1) + (1 - share) / (images - 1))
    return 2 * float(stats.t.sf(abs(float(mean)) / math.sqrt(variance / (seeds * images)), float(freedom)))


def of_heads(a: Hits, b: Hits) -> float:
    """p of the claim about several heads, z = (|Σ D_i| − g) / √(Σ D_i²), D_i = Σ_s d_si, in steps of 2g."""
    sums = [sum(map(int, ys)) - sum(map(int, xs)) for xs, ys in zip(zip(*a), zip(*b), strict=True)]  # noqa: B905
    step = math.gcd(*sums)
    beyond = max(abs(sum(sums)) - step, 0)
    return 2 * float(stats.norm.sf(beyond / math.sqrt(sum(each**2 for each in sums)))) if beyond else 1.0


def paired_t(a: Sequence[float], b: Sequence[float]) -> float:
    """p of Student's paired t over seeds; differences that are the same but for rounding are certain."""
    differences = [round(y - x, 12) for x, y in zip(a, b, strict=True)]
    if len(set(differences)) == 1:
        return 1.0 if differences[0] == 0 else 0.0
    return float(stats.ttest_1samp(differences, 0).pvalue)


def holm(p: Mapping[Pair, float]) -> dict[Pair, float]:
    """Each p times the number of those that are not smaller, and never below one that was smaller."""
    adjusted, highest = {}, 0.0
    for done, pair in enumerate(sorted(p, key=p.__getitem__)):
        highest = max(highest, min(1.0, p[pair] * (len(p) - done)))
        adjusted[pair] = highest
    return adjusted


def against_best(hits: Sequence[Hits], test=crossed) -> list[float | None]:
    """Holm's p of each configuration against the first one of the best mean; None for that one itself."""
    right = [sum(map(sum, of_one)) for of_one in hits]
    best = right.index(max(right))
    adjusted = holm({(a, b): test(hits[a], hits[b]) for a, b in combinations(range(len(hits)), 2)})
    return [None if at == best else adjusted[min(at, best), max(at, best)] for at in range(len(hits))]
