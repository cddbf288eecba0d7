"""P_K × method."""

from dataclasses import replace

import pytest

from tests.report import drawn, expected, known
from topkbench import runs
from topkbench.errors import UsageError
from topkbench.report import gather, tables


def test_as_worked_by_hand(evidence):
    birds, ponds = tables.build("pk", evidence)
    assert (drawn.of(birds), drawn.of(ponds)) == (expected.grid(expected.PK_BIRDS), expected.grid(expected.PK_PONDS))
    assert (birds.title, ponds.title) == ("birds", "ponds")


def test_all_of_a_data_set_are_one_family(evidence):
    birds, ponds = tables.build("pk", evidence)
    assert "Holm's correction over all 66 pairs) by the claim about these methods" in birds.caption
    assert "Holm's correction over all 3 pairs) by the claim about these trained heads" in ponds.caption
    assert "each for itself" not in birds.caption


def test_what_is_not_trained_is_missing_and_what_cannot_be_is_not(results, tmp_path):
    """Softmax takes no P_K but [1], splitter selection any."""
    for method, p_k in (("softmax_cross_entropy", (1.0,)), ("splitter_selection", known.UNIFORM)):
        within = known.birds("softsort", known.UNIFORM, 0)
        record = known.record("birds", "softsort", p_k, 0, within)
        known.save(tmp_path, replace(record, config={**record.config, "method": method, "m": 16}), within)
    (table,) = tables.build("pk", gather(tmp_path))
    uniform, one = table.rows
    assert [cell.text for cell in uniform[1:3]] == ["n/a", "n/a"]
    assert [cell.text for cell in one[3:]] == ["missing", "missing"]
    (run,) = table.footnotes.values()
    assert run == (
        "not trained yet; run: topkbench train --data data/birds.h5 --method splitter_selection --p-k 1 --nloglr 2"
    )


def test_of_several_in_a_cell_the_best_on_validation_stands_there(tmp_path):
    """m = 50 is better on test by 20 rows, m = 16 on validation."""
    for m, valid, more in ((16, 0.9, 0), (50, 0.1, 20)):
        within = tuple(count + more for count in known.birds("softsort", known.ENDS, 0))
        record = known.record("birds", "softsort", known.ENDS, 0, within, m=m)
        selected = {rule: {**at, "valid": {"top1": valid}} for rule, at in record.selected.items()}
        known.save(tmp_path, replace(record, selected=selected), within)
    (table,) = tables.build("pk", gather(tmp_path))
    assert table.rows[0][1].text.startswith("54.00 [")  # 110 − 2 of 200
    assert "Of several configurations the one with the best validation top-1." in table.caption


def test_methods_without_p_k_have_no_place(run, tmp_path):
    runs.save(tmp_path, run(p_k=[], method="emd"))
    with pytest.raises(
        UsageError, match=r"nothing for --table pk in .*; train with 'topkbench train .* --p-k .5 0 0 0 .5'"
    ):
        tables.build("pk", gather(tmp_path))
