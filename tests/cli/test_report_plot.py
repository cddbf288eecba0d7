"""`topkbench report --plot`, as it is typed."""

import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from tests.report.conftest import run
from tests.report.plots.conftest import CORNERS, data, prepared, save
from tests.report.plots.test_plots import MAGIC
from topkbench.cli import _errors, report
from topkbench.report import plots
from topkbench.store import open_store

__all__ = ["data", "run", "save"]  # fixtures, by importing them

app = typer.Typer()
report.register(app)


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run the command in the folder of the results; its exit code, stdout and stderr."""
    pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")
    monkeypatch.chdir(tmp_path)
    for name in ("TOPKBENCH_RESULTS", "TOPKBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run_(*arguments: str) -> tuple[int, str, str]:
        code = _errors.run(app, arguments)
        return (code, *capsys.readouterr())

    return run_


PLOT = ("--plot", "prototypes")


@pytest.mark.parametrize("format_", ["svg", "png", "pdf", "PNG"])
def test_it_writes_the_format_of_the_suffix_and_prints_nothing(call, save, format_):
    save()
    assert call(*PLOT, "--data", "four.h5", "--out", f"figures/p.{format_}") == (0, "", "")
    assert [path.name for path in Path("figures").iterdir()] == [f"p.{format_}"]
    assert Path(f"figures/p.{format_}").read_bytes().startswith(MAGIC[format_.lower()])


def test_the_data_are_found_as_by_train(call, save, monkeypatch):
    save()
    code, _, err = call(*PLOT, "--out", "p.svg")
    assert (code, err) == (2, "error: no prepared data in data/; run: topkbench prepare\n")
    monkeypatch.setenv("TOPKBENCH_DATA", "four.h5")
    assert call(*PLOT, "--out", "p.svg")[0] == 0
    monkeypatch.delenv("TOPKBENCH_DATA")
    Path("data").mkdir()
    Path("four.h5").rename("data/four.h5")
    assert call(*PLOT, "--out", "q.svg")[0] == 0
    assert Path("p.svg").read_bytes() == Path("q.svg").read_bytes()


def test_notes_go_to_stderr(call, save):
    save()
    other = save(checksum="ff" * 32, seed=1).name
    note = f"note: 1 run left out, of other data: four/{other}\n"
    assert call(*PLOT, "--data", "four.h5", "--out", "p.svg") == (0, "", note)


def refused(done: tuple[int, str, str]) -> str:
    code, out, err = done
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not list(Path().rglob("p.*"))
    return err.removeprefix("error: ").rstrip("\n")


def test_other_data_are_refused_with_both_checksums(call, save, tmp_path):
    home = save()
    other = prepared(tmp_path / "other.h5", rows=2)
    ours = open_store(tmp_path / "four.h5").checksum
    assert refused(call(*PLOT, "--data", "other.h5", "--out", "p.svg")) == (
        f"other.h5 has checksum {other.checksum[:12]}, but four/{home.name} is of data with checksum {ours[:12]}; "
        "give the file it was trained on by --data"
    )


def test_classes_without_a_hierarchy_are_refused(call, save, tmp_path):
    save()
    assert prepared(tmp_path / "bare.h5").checksum == open_store(tmp_path / "four.h5").checksum
    assert refused(call(*PLOT, "--data", "bare.h5", "--out", "p.svg")) == (
        "the classes of bare.h5 have no hierarchy, so no distances; "
        "give them one with 'topkbench prepare --hierarchy FILE'"
    )


def test_no_run_in_two_dimensions(call, save, tmp_path):
    save(np.zeros((4, 64)), embedding_dim=64)
    assert refused(call(*PLOT, "--data", "four.h5", "--out", "p.svg")) == (
        f"no finished run with prototypes in two dimensions in {tmp_path / 'results'}; "
        "make one with 'topkbench train --method metric_guided_prototypes --embedding-dim 2'"
    )


@pytest.mark.parametrize("is_there", [True, False])
def test_no_run_that_is_done(call, save, tmp_path, is_there):
    found = ", which does not exist"
    if is_there:
        failed = save(None, status="failed").name
        found = f" (1 run left out: four/{failed} failed: ValueError: the loss is NaN)"
    assert refused(call(*PLOT, "--out", "p.svg")) == (
        f"no finished run in {tmp_path / 'results'}{found}; start with 'topkbench train --method softmax_cross_entropy'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*PLOT,), "--plot needs a file to draw to; give --out FILE, which ends in .svg, .png, .pdf"),
        ((*PLOT, "--out", "p.jpg"), "'p.jpg' ends in no figure's suffix; use .svg, .png, .pdf"),
        ((*PLOT, "--out", "p.svg", "--json"), "--plot draws a figure, --json prints a table; leave one of them out"),
        (
            (*PLOT, "--out", "p.svg", "--format", "csv"),
            "--plot draws a figure, --format csv prints a table; leave one of them out",
        ),
        (
            ("--plot", "prototype", "--out", "p.svg"),
            "unknown plot 'prototype'; did you mean 'prototypes'? "
            "Plots: curves, k, pairwise, prototypes, sensitivity, time, tradeoff",
        ),
        (
            ("--plot", "tradeoff", "--out", "p.svg", "--data", "four.h5"),
            "--data has no effect on --plot tradeoff: it comes from the records alone; leave it out",
        ),
        (("--data", "four.h5"), "--data has no effect on a table: it comes from the records alone; leave it out"),
    ],
)
def test_what_does_not_go_together_is_refused(call, save, arguments, message):
    save(CORNERS)
    assert refused(call(*arguments)) == message


def test_what_is_drawn_from_records_takes_no_notice_of_data_in_the_environment(call, save, monkeypatch):
    save()
    monkeypatch.setenv("TOPKBENCH_DATA", "nowhere.h5")
    assert call()[0] == 0
    assert call("--plot", "tradeoff", "--out", "p.svg") == (0, "", "")
    assert Path("p.svg").read_bytes().startswith(MAGIC["svg"])


def test_a_plot_is_of_the_runs_asked_for(call, save):
    save(method="learnt_prototypes")
    save()
    assert call("--plot", "tradeoff", "--where", "method=learnt*", "--out", "p.svg") == (0, "", "")
    text = Path("p.svg").read_text()
    assert ("learnt_prototypes" in text, "metric_guided" in text) == (True, False)


def test_a_plot_with_nothing_to_draw_writes_no_file(call, save, tmp_path):
    save()
    assert refused(call("--plot", "curves", "--out", "p.svg")) == (
        f"no configuration in {tmp_path / 'results'} has a history; run them again with 'topkbench train --force'"
    )


def test_the_help_names_every_plot(topkbench):
    words = " ".join(topkbench("report", "--help").stdout.split())
    assert f"A figure, to --out: {', '.join(plots.names()[:-1])} or {plots.names()[-1]}." in words


def test_without_matplotlib(call, save, monkeypatch):
    save()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    cure = "--plot needs matplotlib, which is missing; run: pip install 'topkbench[plot]'"
    assert refused(call(*PLOT, "--data", "four.h5", "--out", "p.svg")) == cure


def test_a_figure_that_cannot_be_written_leaves_the_old_one(call, save, monkeypatch):
    save()
    Path("p.svg").write_text("the old one")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    code, _, err = call(*PLOT, "--data", "four.h5", "--out", "p.svg")
    assert (code, "No space left on device" in err) == (4, True)
    assert Path("p.svg").read_text() == "the old one"
    assert not list(Path().glob(".p.svg*"))
