"""Label noise × method."""

import pytest

from tests.report import drawn, expected, known
from topkbench.errors import UsageError
from topkbench.report import gather, tables


def save(folder, method, seed=0, **options):
    within = known.birds(method, known.UNIFORM, seed)
    known.save(folder, known.record("birds", method, known.UNIFORM, seed, within, **options), within)


def test_as_worked_by_hand(noisy):
    (table,) = tables.build("noise", gather(noisy))
    assert drawn.of(table) == expected.grid(expected.NOISE)
    assert "over 3 seeds;" in table.caption
    assert "Rows are compared each for itself." in table.caption
    assert "Holm's correction over 1 pair) by the claim about these trained heads (images alone vary" in table.caption


def test_what_would_fill_the_gap(noisy):
    (table,) = tables.build("noise", gather(noisy))
    assert table.footnotes == {
        "a": "not trained yet; run: topkbench train --data data/birds.h5 --method softsort --p-k .2 .2 .2 .2 .2 "
        "--nloglr 2 --label-noise .4 --noise block --noise-block 5"
    }


def test_kinds_of_noise_are_rows_of_their_own(tmp_path):
    save(tmp_path, "softsort", label_noise=0.2, noise="block", noise_block=5)
    save(tmp_path, "softsort", label_noise=0.2, noise="block", noise_block=10)
    save(tmp_path, "softsort", label_noise=0.2, noise="siblings", noise_block=5)
    save(tmp_path, "softsort", label_noise=0.0, noise="siblings")
    (table,) = tables.build("noise", gather(tmp_path))
    assert [row[0].text for row in table.rows] == [
        "0", "0.2 within blocks of 5", "0.2 within blocks of 10", "0.2 among siblings",
    ]  # fmt: skip


def test_clean_labels_alone_have_no_table(evidence, tmp_path):
    with pytest.raises(
        UsageError, match=r"nothing for --table noise in .*; train with 'topkbench train .*--label-noise .2'"
    ):
        tables.build("noise", evidence)
    save(tmp_path, "softsort", label_noise=0.2, noise="block", noise_block=5)
    within = known.ponds("softsort")
    known.save(tmp_path, known.record("ponds", "softsort", known.UNIFORM, 0, within), within)
    assert [table.title for table in tables.build("noise", gather(tmp_path))] == ["birds"]
