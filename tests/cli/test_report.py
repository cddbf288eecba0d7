"""`topkbench report`, as it is typed."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console

from topkbench import report as library
from topkbench import runs
from topkbench.cli import _errors, _tables, report

app = typer.Typer()
report.register(app)


def save(
    results: Path, method: str, top1: float, seed: int = 0, status: runs.Status = "done", **options: object
) -> Path:
    test = {"top1": top1, "top5": top1 + 0.2, "top10": 0.9, "top20": 0.95}
    record = runs.Record(
        run_id=runs.run_id(method, {"seed": seed, **options}),
        status=status,
        error=None if status == "done" else "the loss is NaN",
        started="2026-01-02T03:04:05+00:00",
        seconds=1.5,
        config={"method": method, "p_k": [0.2] * 5, "seed": seed, **options},
        origin={},
        data={"name": "wordnet826", "n_classes": 826, "n_test": 2478},
        environment={},
        history=[],
        selected={rule: {"test": test} for rule in runs.RULES} if status == "done" else {},
    )
    return runs.save(results, record)


@pytest.fixture
def results(tmp_path):
    """Splitter selection over three seeds, .60 .62 .64, and softmax from one."""
    for seed, top1 in enumerate([0.60, 0.62, 0.64]):
        save(tmp_path / "results", "splitter_selection", top1, seed)
    save(tmp_path / "results", "softmax_cross_entropy", 0.5)
    return tmp_path / "results"


@pytest.fixture
def call(results, capsys, monkeypatch):
    """Run the command in the folder above the results; its exit code, stdout and stderr."""
    monkeypatch.chdir(results.parent)
    monkeypatch.delenv("TOPKBENCH_RESULTS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = _errors.run(app, arguments)
        return (code, *capsys.readouterr())

    return run


def test_bare_it_prints_the_table_and_nothing_else(call):
    code, out, err = call()
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines() if "[" in line] == [
        "softmax_cross_entropy [.2 .2 .2 .2 .2] 1 50.00 70.00",
        "splitter_selection [.2 .2 .2 .2 .2] 3 62.00 ± 2.00* 82.00 ± 2.00*",
    ]
    assert out.startswith("wordnet826\n")
    assert "\x1b" not in out


def test_what_is_left_out_goes_to_stderr(call, results):
    torn = save(results, "softsort", 0.1) / "record.json"
    torn.write_text("{")
    save(results, "neuralsort", 0.1, status="failed")
    code, out, err = call()
    assert code == 0
    assert "softsort" not in out
    assert "neuralsort" not in out
    assert err.startswith(f"note: 1 run left out, unreadable: {torn.relative_to(results.parent)}: is torn")
    assert "\nnote: 1 run left out: wordnet826/neuralsort-" in err


def test_json_is_one_document_of_flat_rows(call):
    code, out, _ = call("--json")
    softmax, splitter = json.loads(out)
    assert code == 0
    assert (splitter["method"], splitter["p_k"], splitter["n_seeds"]) == ("splitter_selection", [0.2] * 5, 3)
    assert splitter["top1_mean"] == pytest.approx(0.62)
    assert softmax["top1_std"] is None
    assert call("--format", "json")[1] == out


@pytest.mark.parametrize(("format_", "sign"), [("markdown", "| **62.00 ± 2.00** |"), ("latex", r"\textbf{62.00 $\pm$")])
def test_text_formats(call, format_, sign):
    code, out, _ = call("--format", format_)
    assert code == 0
    assert sign in out


@pytest.mark.parametrize(
    ("name", "format_"),
    [("t.md", "markdown"), ("t.tex", "latex"), ("t.csv", "csv"), ("t.json", "json"), ("t.txt", "rich")],
)
def test_out_writes_the_format_of_its_suffix_and_prints_nothing(call, results, name, format_):
    printed = call("--format", format_)[1]
    assert call("--out", f"tables/{name}") == (0, "", "")
    assert (results.parent / "tables" / name).read_text() == printed
    assert len(list((results.parent / "tables").iterdir())) == 1


def test_format_has_the_last_word_on_out(call):
    assert call("--out", "table", "--format", "csv")[0] == 0
    assert Path("table").read_text().startswith("dataset,method,p_k,settings,n_seeds,top1_mean,top1_std")


def test_out_with_another_suffix_is_refused(call):
    code, out, err = call("--out", "table.html")
    assert (code, out) == (2, "")
    assert err == (
        "error: 'table.html' ends in no format's suffix; use .md (markdown), .tex (latex), .csv (csv), "
        ".json (json), .txt (rich), or give --format\n"
    )
    assert not Path("table.html").exists()


def test_json_beside_another_format_is_refused(call):
    assert call("--json", "--format", "csv")[::2] == (
        2,
        "error: --json and --format csv contradict each other; give one of them\n",
    )


@pytest.mark.parametrize("option", [("--format", "html"), ("--select", "best")])
def test_unknown_values_are_one_line(call, option):
    code, out, err = call(*option)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert option[1] in err


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_no_records_exit_with_2_and_say_where_and_what_to_do(call, results, name):
    (results.parent / "empty").mkdir()
    folder = results.parent / name
    where = f"{folder}, which does not exist" if name == "missing" else folder
    cure = "start with 'topkbench train --method softmax_cross_entropy'"
    assert call("--results", name) == (2, "", f"error: no finished run in {where}; {cure}\n")


def test_the_environment_names_the_results_folder(call, results, monkeypatch):
    monkeypatch.setenv("TOPKBENCH_RESULTS", str(results))
    monkeypatch.chdir("/")
    assert call()[0] == 0


def test_a_terminal_shows_the_best_in_bold(results):
    save(results, "neuralsort", 0.70)
    console = Console(width=80, force_terminal=True, color_system="standard", file=io.StringIO())
    drawn = _tables.draw(library.build(results), console)
    assert "\x1b[1m62.00 ± 2.00" not in drawn
    assert re.search(r"\x1b\[1m *70\.00\x1b\[0m", drawn)


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_cuts_nothing(results, width):
    for m in (16, 50):
        save(results, "splitter_selection", 0.70, m=m, inverse_temperature=0.5 * m)
    lines = _tables.draw(library.build(results), Console(width=width, force_terminal=False)).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("62.00 ± 2.00  82.00 ± 2.00" in line for line in lines) == 1
    assert "…" not in "".join(lines)


ALONE = """
import sys, typer
from topkbench.cli import _errors, report
app = typer.Typer()
report.register(app)
sys.exit(_errors.run(app, sys.argv[1:]))
"""


def test_a_reader_that_leaves_early_gets_no_traceback(results):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", ALONE, "--results", str(results)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
