"""All pairs at once are each pair alone, by the claim that its seeds allow."""

from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from topkbench.report.statistics import compare, heads, pairwise

SEEDS = [range(6), range(5), range(3), [9], range(1, 7)]


@pytest.fixture
def hits(draw):
    return draw(np.random.default_rng(0), SEEDS, 300)


def test_every_pair_is_compared_by_the_strongest_claim(hits):
    found = pairwise(hits)
    assert found.kind.tolist() == [
        ["", "methods", "heads", "heads", "methods"],
        ["methods", "", "heads", "heads", "heads"],  # 1 … 4 in common with the last
        ["heads", "heads", "", "heads", "heads"],
        ["heads", "heads", "heads", "", "heads"],
        ["methods", "heads", "heads", "heads", ""],
    ]
    for a, b in combinations(range(5), 2):
        alone = compare(hits[a], hits[b])
        claim = alone.methods or alone.heads
        np.testing.assert_allclose([found.estimate[a, b], found.p[a, b]], [claim.estimate, claim.p], rtol=1e-12)


def test_without_a_common_seed_the_lowest_heads_meet(hits):
    one, other = hits[4][1], hits[3][9]
    only_one, only_other = (one & ~other).sum(), (other & ~one).sum()
    found = pairwise(hits)
    assert found.estimate[4, 3] == pytest.approx((only_other - only_one) / 300)
    assert found.p[4, 3] == pytest.approx(mcnemar([[0, only_one], [only_other, 0]], exact=True).pvalue)


def test_each_pair_counts_once_in_holm(hits):
    found, above = pairwise(hits), np.triu_indices(5, 1)
    expected = multipletests(found.p[above], method="holm")[1]
    np.testing.assert_allclose(found.adjusted_p[above], expected, rtol=1e-12)
    np.testing.assert_array_equal(found.adjusted_p, found.adjusted_p.T)


def test_turned_round_every_claim_is_its_opposite(hits):
    found = pairwise(hits)
    np.testing.assert_array_equal(found.estimate, -found.estimate.T)
    np.testing.assert_array_equal(found.p, found.p.T)
    assert np.isnan(found.p.diagonal()).all()
    assert not found.estimate.diagonal().any()


def test_the_order_of_configurations_says_nothing(hits):
    found, turned = pairwise(hits), pairwise(hits[::-1])
    for name in ("estimate", "p", "adjusted_p"):
        np.testing.assert_allclose(getattr(found, name), getattr(turned, name)[::-1, ::-1], rtol=1e-12, atol=1e-15)


def test_one_configuration_has_no_pairs(hits):
    found = pairwise(hits[:1])
    assert found.kind.tolist() == [[""]]
    assert np.isnan(found.adjusted_p).all()


def test_everything_of_one_pair(hits):
    found = compare(hits[0], hits[4])  # seeds 1 … 5
    assert found.seeds == [(seed, seed) for seed in range(1, 6)]
    np.testing.assert_allclose(found.differences, [hits[4][s].mean() - hits[0][s].mean() for s in range(1, 6)])
    assert found.only_a.tolist() == [(hits[0][s] & ~hits[4][s]).sum() for s in range(1, 6)]
    assert found.only_b.tolist() == [(hits[4][s] & ~hits[0][s]).sum() for s in range(1, 6)]
    np.testing.assert_array_equal(found.mcnemar_p, heads.mcnemar(found.only_a, found.only_b))
    for claim in (found.heads, found.methods, found.methods_here):
        assert claim.estimate == pytest.approx(np.mean(found.differences))
    assert found.methods_here.df == 4


def test_a_pair_with_few_seeds_makes_no_claim_about_methods(hits):
    found = compare(hits[1], hits[4])
    assert len(found.seeds) == 4
    assert found.methods is found.methods_here is None
    found = compare(hits[4], hits[3])
    assert found.seeds == [(1, 9)]
    assert found.heads.p == found.mcnemar_p[0]
