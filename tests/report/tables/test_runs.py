"""One line a run."""

from dataclasses import replace

from statsmodels.stats.proportion import proportion_confint

from tests.report import drawn, known
from topkbench import runs
from topkbench.report import gather, tables


def test_every_run_by_a_plain_loop(evidence):
    (table,) = tables.build("runs", evidence)
    header, *lines = drawn.of(table)
    assert header == ["data set", "method", "P_K", "seed", "status", "top-1", "top-5", "epoch", "seconds", "run"]
    shown = dict(zip(known.P_KS, ("[0 0 0 0 1]", "[.2 .2 .2 .2 .2]", "[.5 0 0 0 .5]"), strict=True))
    expected = []
    for method, p_k, seed in known.each():
        accuracies = [words(count, 200) for count in known.birds(method, p_k, seed)[:2]]
        seconds = f"{10 * (known.METHODS.index(method) + 1) + seed}.0"
        expected.append(["birds", method, shown[p_k], str(seed), "done", *accuracies, "1", seconds])
    for method, counts in known.PONDS.items():
        seconds = f"{10 * (known.METHODS.index(method) + 1)}.0"
        expected.append(
            ["ponds", method, shown[known.UNIFORM], "0", "done", *(words(c, 50) for c in counts), "1", seconds]
        )
    assert [line[:-1] for line in lines] == expected
    assert {line[-1] for line in lines} == {record.run_id for record in evidence.records.values()}


def words(count, rows):
    low, high = proportion_confint(count, rows, 0.05, method="wilson")
    return f"{100 * count / rows:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def test_runs_that_are_not_done_stand_there_without_figures(run, tmp_path):
    runs.save(tmp_path, run(0.6))
    runs.save(tmp_path, run(seed=1, status="failed"))
    runs.save(tmp_path, replace(run(seed=2, status="interrupted"), error=None))
    (table,) = tables.build("runs", gather(tmp_path))
    assert [[cell.text for cell in row][3:8] for row in table.rows][1:] == [
        ["1", "failed", "n/a", "n/a", ""],
        ["2", "interrupted", "n/a", "n/a", ""],
    ]
    assert table.rows[0][5].text.startswith("60.00 [")
