"""The command in a footnote fills the cell that it stands beside."""

import shlex
import shutil
from pathlib import Path

import pytest

from tests.report import drawn
from topkbench import cli
from topkbench.cli import _errors
from topkbench.report import gather, tables
from topkbench.report.cells import Footnotes
from topkbench.report.tables import _missing

BRIEF = ("--n-epochs", "1", "--batch-size", "200")


@pytest.fixture
def topkbench(tmp_path, blobs, families, monkeypatch, capsys):
    """The command line in a folder with data/blobs.h5 and data/families.h5."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOPKBENCH_RESULTS", "TOPKBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    Path("data").mkdir()
    for path in (blobs, families):
        shutil.copy(path, "data")

    def run(*arguments: str) -> str:
        code = _errors.run(cli.app, arguments)
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return run


def train(topkbench, data, method, *options):
    topkbench("train", "--data", f"data/{data}.h5", "--method", method, *BRIEF, *options)


def commands(name):
    """Of a table, the commands in its footnotes."""
    notes = [note for table in tables.build(name, gather(Path("results"))) for note in table.footnotes.values()]
    return [shlex.split(note.removeprefix("not trained yet; run: ")) for note in notes]


def lacking(name):
    """How many cells are missing."""
    found = tables.build(name, gather(Path("results")))
    return sum(cell.text == "missing" for table in found for row in table.rows for cell in row)


def fill(topkbench, name, expected):
    """Run the commands of a table's footnotes; each fills top-1 and top-5 of one row."""
    assert (len(commands(name)), lacking(name)) == (expected, 2 * expected)
    for left in reversed(range(expected)):
        program, *arguments = commands(name)[0]
        assert program == "topkbench"
        topkbench(*arguments)
        assert lacking(name) == 2 * left
    assert "missing" not in str([drawn.of(table) for table in tables.build(name, gather(Path("results")))])


def test_a_method_that_one_data_set_lacks(topkbench):
    train(topkbench, "blobs", "softsort", "--p-k", ".5", "0", "0", "0", ".5", "--m", "none", "--nloglr", "0")
    train(topkbench, "families", "softmax_cross_entropy", "--optimizer", "sgd", "--nesterov", "--lr-steps", "2", "3")
    fill(topkbench, "main", expected=2)


def test_what_tells_rows_apart_is_repeated(topkbench):
    """Both rows of softsort are told apart by m, which the user did not give on the other data set."""
    for m in ("4", "8"):
        train(topkbench, "blobs", "softsort", "--p-k", ".2", ".8", "--m", m)
    train(topkbench, "families", "softsort", "--p-k", ".2", ".8", "--m", "8")
    (command,) = commands("main")
    assert command[command.index("--m") + 1] == "4"
    fill(topkbench, "main", expected=1)


def test_options_of_a_loss_that_judges_tell_rows_apart(topkbench):
    for tau in (".25", ".5"):
        train(topkbench, "blobs", "deep_ncm", "--set", "loss=smooth_topk", "--set", f"tau={tau}", "--p-k", "0", "1")
    train(topkbench, "families", "softmax_cross_entropy", "--p-k", "1")
    by_tau = [[word for word in command if "tau=" in word] for command in commands("main")]
    assert [tau for tau in by_tau if tau] == [["tau=.25"], ["tau=.5"]]
    for command in commands("main"):
        topkbench(*command[1:])
    assert lacking("main") == 0


def test_weights_at_full_precision(topkbench):
    """A third as .3333 would not sum to one, and as .333333333333 be another P_K."""
    third = repr(1 / 3)
    train(topkbench, "blobs", "softsort", "--p-k", third, third, third)
    train(topkbench, "blobs", "neuralsort", "--p-k", ".5", ".5")
    fill(topkbench, "pk", expected=2)


def test_options_that_another_p_k_leaves_idle_are_left_out(topkbench):
    """With all weight on top-1 nothing is sorted, and train refuses a temperature."""
    train(topkbench, "blobs", "softsort", "--p-k", ".5", ".5", "--inverse-temperature", "2")
    train(topkbench, "blobs", "softmax_cross_entropy", "--p-k", "1")
    (command,) = commands("pk")
    assert "--inverse-temperature" not in command
    fill(topkbench, "pk", expected=1)


def test_clean_labels_beside_noisy_ones(topkbench):
    """The kind of noise, which the method's other run was given, has no effect without any."""
    train(topkbench, "families", "softmax_cross_entropy", "--label-noise", "0")
    train(topkbench, "families", "softmax_cross_entropy", "--label-noise", ".2", "--noise", "siblings")
    train(topkbench, "families", "softsort", "--p-k", ".5", ".5", "--label-noise", ".2", "--noise", "siblings")
    fill(topkbench, "noise", expected=1)


def test_whole_sets_beside_parts(topkbench):
    train(topkbench, "blobs", "softmax_cross_entropy")
    for method in ("softmax_cross_entropy", "smooth_topk"):
        train(topkbench, "blobs", method, "--train-per-class", "5", "--batch-size", "50")
    (command,) = commands("subset")
    assert "--train-per-class" not in command
    fill(topkbench, "subset", expected=1)


def test_options_of_a_loss_that_judges(topkbench):
    judged = ("--set", "loss=smooth_topk", "--set", "tau=.25", "--p-k", "0", "0", "1")
    train(topkbench, "families", "hierarchical_inference", *judged)
    train(topkbench, "families", "smooth_topk", "--p-k", "0", "1")
    (command,) = (words for words in commands("pk") if "hierarchical_inference" in words)
    assert {"loss=smooth_topk", "tau=.25"} < set(command)
    fill(topkbench, "pk", expected=2)


# Of records written by hand


def cell(folder, dataset, method, p_k, settings=None):
    notes = Footnotes()
    text = _missing.missing(gather(folder), notes, dataset, method, p_k, settings).text
    return text, [note.removeprefix("not trained yet; run: ") for note in notes.by_mark().values()]


@pytest.mark.parametrize(
    ("method", "p_k"), [("my_loss", ()), ("softmax_cross_entropy", (0.5, 0.5)), ("smooth_topk", (0.5, 0.5))]
)
def test_where_there_is_no_such_run_there_is_none_to_train(results, method, p_k):
    assert cell(results, "birds", method, p_k) == ("n/a", [])


def test_the_shell_gets_words_as_they_are(results):
    assert cell(results, "my birds", "softsort", (0.5, 0.5)) == (
        "missing", ["topkbench train --data 'data/my birds.h5' --method softsort --p-k .5 .5 --nloglr 2"]
    )  # fmt: skip


def test_each_kind_of_option(results):
    settings = {
        "hidden_dims": (64, 32), "lr_steps": (), "nesterov": True, "optimizer": "sgd", "momentum": 0.9, "nloglr": 0,
        "apply_relu": False, "train_fraction": None, "m": None, "top1_mode": "sort",
    }  # fmt: skip
    _, (run,) = cell(results, "birds", "softsort", (0.0, 1.0), settings)
    assert run == (
        "topkbench train --data data/birds.h5 --method softsort --p-k 0 1 --nloglr 0 --hidden-dims 64 32 --nesterov "
        "--optimizer sgd --momentum .9 --m none --top1-mode sort"
    )
    _, (run,) = cell(results, "birds", "smooth_topk", (0.0, 1.0), {"tau": 0.125, "alpha": 2.0})
    assert run.endswith("--method smooth_topk --p-k 0 1 --set tau=.125 --set alpha=2")
