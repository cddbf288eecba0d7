"""Training size × method."""

import pytest

from tests.report import drawn, expected
from topkbench.errors import UsageError
from topkbench.report import gather, tables


def test_as_worked_by_hand(parts):
    (table,) = tables.build("subset", gather(parts))
    assert drawn.of(table) == expected.grid(expected.SUBSET)
    assert "Rows are compared each for itself." in table.caption


def test_what_would_fill_the_gap_trains_on_all_rows(parts):
    (table,) = tables.build("subset", gather(parts))
    run = "topkbench train --data data/birds.h5 --method softsort --p-k .2 .2 .2 .2 .2 --nloglr 2"
    assert table.footnotes == {"a": f"not trained yet; run: {run}"}


def test_whole_sets_alone_have_no_table(evidence):
    with pytest.raises(UsageError, match=r"nothing for --table subset in .*; train with .* --train-per-class 5'"):
        tables.build("subset", evidence)
