"""What training costs."""

from dataclasses import replace

from tests.report import drawn, expected
from topkbench import runs
from topkbench.report import gather, tables


def test_as_worked_by_hand(evidence):
    birds, ponds = tables.build("cost", evidence)
    assert drawn.of(birds) == expected.grid(expected.COST_BIRDS)
    assert drawn.of(ponds) == expected.grid(expected.COST_PONDS)
    assert birds.caption.endswith("in MiB; mean ± sample standard deviation over 5 seeds.")
    assert ponds.caption.endswith("in MiB; one seed.")


def test_what_is_not_known_says_so(run, tmp_path):
    runs.save(tmp_path, run())
    (table,) = tables.build("cost", gather(tmp_path))
    assert drawn.of(table) == [
        ["method", "P_K", "seeds", "seconds", "steps/s", "memory", "heads"],
        ["softsort", "[.5 .5]", "1", "1.5", "n/a", "n/a", "n/a"],
    ]


def test_seeds_on_several_machines_name_each_once(run, tmp_path):
    for seed, device, heads in ((0, "x86_64", 6), (1, "NVIDIA H100", 6), (2, "x86_64", 1)):
        runs.save(tmp_path, replace(run(seed=seed), environment={"device": device, "heads": heads}))
    (table,) = tables.build("cost", gather(tmp_path))
    assert [cell.text for cell in table.rows[0][-2:]] == ["6, 1", "x86_64, NVIDIA H100"]
