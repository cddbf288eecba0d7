"""Holm's procedure against statsmodels', and who is told apart from the best."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from topkbench.report.statistics import holm, indistinguishable_from_best

NAN = float("nan")


@pytest.mark.parametrize("size", [1, 2, 6, 30])
def test_as_statsmodels_has_it(size):
    rng = np.random.default_rng(size)
    for p in (rng.uniform(size=size), rng.uniform(0, 0.01, size), rng.integers(0, 4, size) / 100):  # the last with ties
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_what_is_missing_is_no_test():
    p = np.random.default_rng(0).uniform(0, 0.1, (4, 4))
    p[np.tril_indices(4)] = NAN
    adjusted = holm(p)
    assert (np.isnan(adjusted) == np.isnan(p)).all()
    above = np.triu_indices(4, 1)
    np.testing.assert_allclose(adjusted[above], multipletests(p[above], method="holm")[1], rtol=1e-12)


def test_no_tests_at_all():
    assert holm([]).tolist() == []
    assert np.isnan(holm([NAN, NAN])).all()


@pytest.mark.parametrize(
    ("means", "alpha", "expected"),
    [
        ([0.7, 0.6, 0.5], 0.05, [True, False, False]),
        ([0.5, 0.7, 0.6], 0.05, [False, True, True]),
        ([0.5, 0.7, 0.6], 0.3, [False, True, False]),
        ([0.5, 0.6, 0.7], 0.05, [False, True, True]),
        ([0.7, 0.7, 0.1], 0.05, [True, False, False]),  # the first of equals
        ([NAN, 0.7, NAN], 0.05, [False, True, False]),
    ],
)
def test_who_is_told_apart_from_the_best(means, alpha, expected):
    p = np.array([[NAN, 0.01, 0.05], [0.01, NAN, 0.2], [0.05, 0.2, NAN]])  # p = α is a finding
    assert indistinguishable_from_best(means, p, alpha).tolist() == expected
