"""`topkbench report`, as it is typed."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console

from tests.report import drawn, expected, known
from topkbench import report as library
from topkbench import runs
from topkbench.cli import _errors, _tables, report

app = typer.Typer()
report.register(app)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Birds and ponds, beside records that are spoilt."""
    folder = known.write(tmp_path_factory.mktemp("cli") / "results")
    known.write_spoilt(folder)
    return folder


@pytest.fixture
def call(results, tmp_path, capsys, monkeypatch):
    """Run the command in a folder that holds the results; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOPKBENCH_RESULTS", "TOPKBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    Path("results").symlink_to(results)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = _errors.run(app, arguments)
        return (code, *capsys.readouterr())

    return run


def cells(out):
    return drawn.from_rich(out)


def column(out, name):
    header, *rows = cells(out)
    return [row[header.index(name)] for row in rows]


def test_bare_it_prints_the_main_table_and_nothing_else(call):
    code, out, err = call()
    assert code == 0
    assert cells(out) == expected.grid(expected.MAIN)
    assert "\x1b" not in out
    assert "note" not in out
    assert out.rstrip().splitlines()[-1].startswith("i: not trained yet; run: topkbench train --data data/ponds.h5 ")
    assert len(err.splitlines()) == 2


def test_what_is_left_out_goes_to_stderr(call):
    *_, err = call()
    unreadable, failed = err.splitlines()
    assert unreadable.startswith(
        "note: 3 runs left out, unreadable: results/birds/foreign/record.json: is not a run record"
    )
    assert failed.startswith("note: 1 run left out: birds/bitonic-")


@pytest.mark.parametrize("name", ["pk", "hierarchy", "cost"])
def test_other_tables_by_name(call, name):
    code, out, _ = call("--table", name, "--where", "dataset=ponds")
    title, _, table = out.partition("\n")
    assert (code, title) == (0, "ponds")
    assert cells(table) == expected.grid(expected.ALL[name][1])


def test_the_runs_table_tells_of_failed_ones(call):
    code, out, _ = call("--table", "runs")
    assert code == 0
    assert column(out, "status").count("failed") == 1
    assert len(column(out, "status")) == 64


@pytest.mark.parametrize("name", ["noise", "subset"])
def test_a_table_of_nothing_says_what_to_train(call, results, name):
    code, out, err = call("--table", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: nothing for --table {name} in {results}; train with 'topkbench train --method ")


def test_an_unknown_table_is_told_with_the_nearest(call):
    tables = "Tables: cost, hierarchy, k, main, noise, pk, runs, subset\n"
    assert call("--table", "hierachy")[::2] == (
        2,
        f"error: unknown table 'hierachy'; did you mean 'hierarchy'? {tables}",
    )
    assert call("--table", "zzz")[::2] == (2, f"error: unknown table 'zzz'. {tables}")


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        (("--table", "pk", "--compare", "a", "b"), "--table and --compare"),
        (("--table", "pk", "--plot", "prototypes"), "--table and --plot"),
        (("--compare", "a", "b", "--plot", "prototypes", "--table", "k"), "--table and --compare and --plot"),
    ],
)
def test_one_thing_at_a_time(call, arguments, flags):
    assert call(*arguments) == (2, "", f"error: {flags} ask for different things; give one of them\n")


def test_data_are_refused_where_they_have_no_effect(call):
    code, out, err = call("--data", "birds.h5")
    assert (code, out) == (2, "")
    assert "--data has no effect on a table" in err


# Which runs, and in which order


def test_conditions_of_where(call):
    p_k = ("--where", "p_k=.2 .2 .2 .2 .2")
    code, out, _ = call("--where", "method=*sort,bitonic,dataset=birds", *p_k, "--where", "seed=0-2")
    assert code == 0
    assert column(out.partition("\n")[2], "method") == ["bitonic", "neuralsort", "softsort"]
    assert column(out.partition("\n")[2], "seeds") == ["3", "3", "3"]
    assert call("--where", "method=*sort,bitonic,dataset=birds,seed=0-2", "--where", "p_k=[.2 .2 .2 .2 .2]")[1] == out


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("method", "error: --where method: give NAME=VALUE, as in --where method=softsort,seed=0-4\n"),
        ("metod=a", "error: --where: the results have no 'metod'; did you mean 'method'?\n"),
    ],
)
def test_conditions_that_are_none(call, condition, message):
    assert call("--where", condition) == (2, "", message)


def test_conditions_that_no_run_meets(call, results):
    code, out, err = call("--where", "dataset=ponds,method=neuralsort")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: no finished run in {results} meets --where")
    assert err.endswith("; ask for less\n")
    assert err.count("\n") == 1


def test_group_by_keeps_the_best_on_validation(call):
    for given in (
        ("--group-by", "dataset", "method"),
        ("--group-by", "dataset,method"),
        ("--group-by", "Dataset", "--group-by", "method"),
    ):
        code, out, _ = call(*given, "--where", "dataset=birds")
        assert code == 0
        assert column(out.partition("\n")[2], "P_K") == [
            "[0 0 0 0 1]",
            "[.2 .2 .2 .2 .2]",
            "[0 0 0 0 1]",
            "[.5 0 0 0 .5]",
        ]
        assert "Of each dataset, method the configuration with the best validation top-1." in out


@pytest.mark.parametrize(
    "given",
    [("method", "-top1"), ("method,-top1",), ("-method", "-top1"), ("-top1", "method"), ("-top1,method",), ("top5",)],
)
def test_sort_by_columns_with_and_without_a_minus(call, given):
    code, out, err = call("--sort", *given, "--where", "dataset=birds")
    assert (code, "error" in err) == (0, False)
    rows = [(row[0], float(row[3][:5]), float(row[4][:5])) for row in cells(out.partition("\n")[2])[1:]]
    keys = ",".join(given)
    if keys == "method,-top1":
        assert rows == sorted(rows, key=lambda row: (row[0], -row[1]))
    elif keys == "-method,-top1":
        assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
        assert rows[0][1] == 60.5
    elif keys == "-top1,method":
        assert rows == sorted(rows, key=lambda row: (-row[1], row[0]))
    else:
        assert [row[2] for row in rows] == sorted(row[2] for row in rows)


@pytest.mark.parametrize("flag", ["--group-by", "--sort"])
def test_unknown_columns(call, flag):
    assert call(flag, "metod") == (2, "", f"error: {flag}: the results have no 'metod'; did you mean 'method'?\n")


@pytest.mark.parametrize(("select", "top1"), [("per_metric", "60.50 ± 0.79*"), ("last", "55.50 ± 0.79*")])
def test_select_picks_the_evaluation(call, select, top1):
    code, out, _ = call("--select", select, "--where", "dataset=birds", "--sort", "-top1")
    assert code == 0
    assert column(out.partition("\n")[2], "top-1")[0] == top1
    assert f"({select})" in out


# Two configurations


def test_compare(call):
    code, out, err = call("--compare", "bitonic", "softsort", "--where", "p_k=.2*,dataset=birds")
    assert code == 0
    assert out.startswith("birds: A = bitonic [.2 .2 .2 .2 .2], B = softsort [.2 .2 .2 .2 .2]\n")
    assert len(column(out.partition("\n")[2], "p")) == 4 * (3 + 5)
    assert "note: " in err
    lines = json.loads(call("--compare", "bitonic", "softsort", "--where", "p_k=.2*,dataset=birds", "--json")[1])
    assert lines[0]["difference"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("bitonic", "softsort"), "3 configurations on birds are 'bitonic': bitonic [0 0 0 0 1]; "),
        (
            ("emd", "softsort"),
            "no configuration is 'emd'; give a method (bitonic, neuralsort, softsort, splitter_selection)",
        ),
        (("metod=emd", "softsort"), "the results have no 'metod'; did you mean 'method'?"),
    ],
)
def test_names_that_are_no_two_configurations(call, names, message):
    code, out, err = call("--compare", *names)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_compare_without_ranks_is_damage(call, results, tmp_path):
    shutil.copytree(results, tmp_path / "copy")
    for path in (tmp_path / "copy").glob("birds/softsort*/ranks.npz"):
        path.write_bytes(b"PK")
    code, out, err = call("--results", "copy", "--compare", "bitonic", "softsort", "--where", "p_k=.2*")
    assert (code, out) == (4, "")
    assert re.fullmatch(
        r"error: copy/birds/softsort-\w+/ranks.npz is torn; run it again with 'topkbench train --force'\n", err
    )


# Published figures


def test_published_figures_of_a_file(call):
    header = "paper,dataset,backbone,method,metric,value,grade,source\n"
    Path("mine.csv").write_text(header + "doe2020,birds,,diffsortnets,top1,58.5,secondary,quoted in roe2021\n")
    code, out, _ = call("--published", "mine.csv", "--where", "dataset=birds,method=bitonic,splitter_selection")
    assert code == 0
    assert column(out.partition("\n")[2], "published") == ["58.50^a"] * 6
    assert column(out.partition("\n")[2], "Δ") == ["-18.50", "-8.50", "+1.50", "-13.50", "+2.00", "+2.00"]
    assert "a: doe2020, diffsortnets: quoted in roe2021 (secondary source)\n" in out


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (None, 2),
        ("paper,dataset", 2),
        ("doe,birds,,softsort,top1,inf,primary,t", 4),
        ("doe,birds,,softsort,top1,5,primary,", 4),
    ],
)
def test_published_files_that_are_none(call, line, code):
    header = "paper,dataset,backbone,method,metric,value,grade,source"
    if line:
        Path("mine.csv").write_text(line if line == "paper,dataset" else f"{header}\n{line}\n")
    found, out, err = call("--published", "mine.csv")
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert err.startswith("error: --published mine.csv")


# Formats and files


def test_json_is_one_document_of_flat_rows(call):
    code, out, _ = call("--json")
    rows = json.loads(out)
    assert (code, len(rows)) == (0, 15)
    assert (rows[0]["method"], rows[0]["p_k"], rows[0]["n_seeds"]) == ("bitonic", [0, 0, 0, 0, 1], 5)
    assert rows[0]["top1_mean"] == pytest.approx(0.4)
    assert call("--format", "json")[1] == out


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("t.md", "markdown"),
        ("t.tex", "latex"),
        ("t.typ", "typst"),
        ("t.csv", "csv"),
        ("t.json", "json"),
        ("t.txt", "rich"),
    ],
)
def test_out_writes_the_format_of_its_suffix_and_prints_nothing(call, name, format_):
    _, printed, notes = call("--format", format_)
    assert call("--out", f"tables/{name}") == (0, "", notes)
    assert Path("tables", name).read_text() == printed
    assert len(list(Path("tables").iterdir())) == 1


def test_format_has_the_last_word_on_out(call):
    assert call("--out", "table", "--format", "csv")[0] == 0
    assert Path("table").read_text().startswith("dataset,method,p_k,settings,n_seeds,hierarchy,n_test,")


def test_out_with_another_suffix_is_refused(call):
    code, out, err = call("--out", "table.doc")
    assert (code, out) == (2, "")
    assert err == (
        "error: 'table.doc' ends in no format's suffix; use .md (markdown), .tex (latex), .typ (typst), .csv (csv), "
        ".json (json), .html (html), .txt (rich), or give --format\n"
    )
    assert not Path("table.doc").exists()


def test_json_beside_another_format_is_refused(call):
    assert call("--json", "--format", "csv") == (
        2, "", "error: --json and --format csv contradict each other; give one of them\n",
    )  # fmt: skip


@pytest.mark.parametrize("option", [("--format", "docx"), ("--select", "best")])
def test_unknown_values_are_one_line(call, option):
    code, out, err = call(*option)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert option[1] in err


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_no_records_exit_with_2_and_say_where_and_what_to_do(call, tmp_path, name):
    (tmp_path / "empty").mkdir()
    folder = tmp_path / name
    where = f"{folder}, which does not exist" if name == "missing" else folder
    cure = "start with 'topkbench train --method softmax_cross_entropy'"
    assert call("--results", name) == (2, "", f"error: no finished run in {where}; {cure}\n")


def test_the_environment_names_the_results_folder(call, results, monkeypatch):
    monkeypatch.setenv("TOPKBENCH_RESULTS", str(results))
    monkeypatch.chdir("/")
    assert call()[0] == 0


# On a terminal


def main(results):
    return library.tables.build("main", library.gather(results, where=["dataset=birds"]))


def test_a_terminal_shows_the_best_in_bold(results):
    console = Console(width=120, force_terminal=True, color_system="standard", file=io.StringIO())
    text = _tables.draw(main(results), console)
    assert re.search(r"\x1b\[1m *60\.50 ± 0\.79\x1b\[0m", text)
    assert "\x1b[1m40.00 ± 0.79" not in text
    assert "*" not in text
    assert "Bold: the best" in text


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_cuts_nothing(results, tmp_path, width):
    for m in (16, 50):
        within = known.birds("bitonic", known.UNIFORM, 0)
        options = {"m": m, "inverse_temperature": 0.5 * m}
        known.save(tmp_path, known.record("birds", "bitonic", known.UNIFORM, 0, within, **options), within)
    made = library.tables.build("main", library.gather(tmp_path))
    lines = _tables.draw(made, Console(width=width, force_terminal=False)).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("49.00 [42.16, 55.88]*  83.00 [77.18, 87.57]*" in line for line in lines) == 2
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
    command = [sys.executable, "-c", ALONE, "--results", str(results), "--where", "dataset=ponds"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.returncode == 0
    assert all(line.startswith(b"note: ") for line in done.stderr.splitlines())


def test_records_are_only_read(call, results):
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    for name in ("main", "k", "runs"):
        call("--table", name)
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before
    assert runs.load_all(results)[1]  # the spoilt ones are still there


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "pk", "--group-by", "method"), "--group-by has no effect on --table pk: each of its cells holds"),
        (("--table", "runs", "--group-by", "method"), "--group-by has no effect on --table runs: it has a line for"),
        (("--table", "cost", "--select", "last"), "--select has no effect on --table cost: it shows no accuracies"),
        (("--table", "k", "--published", "x.csv"), "--published has no effect on --table k: figures of papers stand"),
        (("--compare", "a", "b", "--sort", "top1"), "--sort has no effect on --compare: its lines have an order"),
        (
            ("--plot", "k", "--out", "k.svg", "--published", "x.csv"),
            "--published has no effect on --plot k: figures of",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(call, arguments, message):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.endswith("; leave it out\n")
    assert not Path("k.svg").exists()


def test_a_configuration_is_not_compared_with_itself(call):
    code, _, err = call("--where", "p_k=.5 0 0 0 .5", "--compare", "softsort", "softsort")
    assert (code, err) == (2, "error: --compare softsort softsort: both name the same configuration; give two\n")


@pytest.mark.parametrize("width", [40, 80])
def test_no_column_is_left_out_of_a_narrow_terminal(results, width):
    made = library.tables.build("runs", library.gather(results, where=["method=bitonic", "seed=0"]))
    drawn = _tables.draw(made, Console(width=width, force_terminal=False))
    assert all(column.name in drawn for column in made[0].columns)


def test_a_footnotes_command_is_one_line_however_narrow_the_terminal(results):
    made = library.tables.build("main", library.gather(results))
    lines = _tables.draw(made, Console(width=60, force_terminal=False)).splitlines()
    commands = [line for line in lines if "run: topkbench train" in line]
    assert len(commands) == len(made[0].footnotes)
    assert all("--nloglr 2" in line for line in commands)


@pytest.mark.parametrize("table", ["main", "pk"])
def test_configurations_have_no_seed_to_sort_by(call, table):
    code, _, err = call("--table", table, "--sort", "seed")
    assert (code, err.startswith("error: --sort: the results have no 'seed'")) == (2, True)
    assert call("--table", "runs", "--sort", "seed")[0] == 0
