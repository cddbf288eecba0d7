"""The m largest, against a full sort."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topkbench.ops.selection import largest


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 2000), st.integers(0, 2**31))
def test_values_are_those_of_a_sort(m, classes, seed):
    m = min(m, classes)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(-50, 50, (3, classes), generator=generator).float()  # many ties
    found = largest(scores, m)
    assert torch.equal(found.values, scores.sort(dim=-1, descending=True).values[:, :m])
    assert torch.equal(scores.gather(-1, found.indices), found.values)
    assert all(len(set(row)) == m for row in found.indices.tolist())


@pytest.mark.parametrize("classes", [10, 1000])
def test_nan_counts_as_the_largest_and_infinities_as_themselves(classes):
    scores = torch.linspace(0, 1, classes).repeat(2, 1)
    scores[0, 3], scores[0, 4], scores[1] = torch.nan, torch.inf, -torch.inf
    found = largest(scores, 4)
    assert found.values[0, 0].isnan()
    assert found.values[0, 1] == torch.inf
    assert (found.values[1] == -torch.inf).all()


def test_leading_axes():
    scores = torch.randn(2, 3, 700, generator=torch.Generator().manual_seed(0))
    assert torch.equal(largest(scores, 5).values, scores.topk(5).values)
