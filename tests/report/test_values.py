"""How settings are written."""

import pytest

from topkbench.report.values import show, show_p_k


@pytest.mark.parametrize(
    ("p_k", "shown"),
    [
        ((0.2,) * 5, "[.2 .2 .2 .2 .2]"),
        ((1.0,), "[1]"),
        ((0, 0, 0, 0, 1), "[0 0 0 0 1]"),
        ((0.25, 0.75), "[.25 .75]"),
        ((1 / 3, 2 / 3), "[.3333 .6667]"),
        ((0.005, 0.995), "[.005 .995]"),
        ((0.0,) * 99 + (1.0,), "[k = 100]"),
        ((), ""),
    ],
)
def test_p_k_is_written_as_the_papers_do(p_k, shown):
    assert show_p_k(p_k) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1 + 0.2, "0.3"), (1e-7, "1e-07"), (float("nan"), "none"), ((), "none"), (True, "True")]
)
def test_settings_are_brief(value, shown):
    assert show(value) == shown
