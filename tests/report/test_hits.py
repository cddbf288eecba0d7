"""Which rows each run gets right: the ranks of the right evaluation."""

import pytest

from tests.report import known
from topkbench.errors import DataError
from topkbench.report import gather, hits
from topkbench.runs import RULES


@pytest.mark.parametrize("select", RULES)
@pytest.mark.parametrize(("k", "listed"), [(1, 1), (2, 1), (4, 1), (5, 5), (9, 5), (10, 10), (19, 10), (20, 20)])
def test_a_k_is_counted_where_the_nearest_listed_one_below_is(results, select, k, listed):
    evidence = gather(results, select, where=["method=softsort", "dataset=birds", "p_k=.5 0 0 0 .5"])
    (configuration,) = evidence.rows["configuration"]
    found = hits.of_configuration(evidence, configuration, k)
    name = f"per_metric_top{listed}" if select == "per_metric" else select
    assert list(found) == list(known.SEEDS)
    for seed in known.SEEDS:
        assert found[seed].tolist() == known.hits("softsort", known.ENDS, seed, k, name)


def test_ranks_are_read_once(results, monkeypatch):
    evidence = gather(results, where=["method=softsort"])
    (configuration, *_) = evidence.rows["configuration"]
    first = hits.of_configuration(evidence, configuration, 1)
    monkeypatch.setattr("topkbench.runs.load_ranks", lambda *_: pytest.fail("read again"))
    again = hits.of_configuration(evidence, configuration, 4)  # counted in the same array
    assert again.keys() == first.keys()


def test_ranks_of_other_rows_than_the_records_are_refused(tmp_path):
    within = known.ponds("softsort")
    home = known.save(tmp_path, known.record("ponds", "softsort", known.UNIFORM, 0, within), within)
    other = known.birds("softsort", known.UNIFORM, 0)
    (home / "ranks.npz").write_bytes(
        (
            known.save(tmp_path, known.record("birds", "softsort", known.UNIFORM, 0, other), other) / "ranks.npz"
        ).read_bytes()
    )
    evidence = gather(tmp_path, where=["dataset=ponds"])
    with pytest.raises(DataError, match=r"ranks\.npz is of 200 test rows, its record of 50; run it again with"):
        hits.of_configuration(evidence, evidence.rows["configuration"].item(), 1)
