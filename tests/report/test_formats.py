"""Every format holds the same figures, escaped as it wants them."""

import csv
import io
import json
from pathlib import Path

import pytest

from topkbench import report, runs
from topkbench.errors import UsageError


@pytest.fixture
def found(run, tmp_path):
    """Two rows: softsort over three seeds, .60 .62 .64, and the worse loss_5%|x from one."""
    for seed, top1 in enumerate([0.60, 0.62, 0.64]):
        runs.save(tmp_path, run(top1, seed=seed))
    runs.save(tmp_path, run(0.5, method="loss_5%|x", p_k=[1, 0]))
    return report.build(tmp_path)


def test_markdown(found):
    assert report.render(found, "markdown").split("\n\n")[0].splitlines() == [
        r"| data set   | method     | P_K     |   seeds |            top-1 |            top-5 |",
        r"|:-----------|:-----------|:--------|--------:|-----------------:|-----------------:|",
        r"| wordnet826 | loss_5%\|x | [1 0]   |       1 |            50.00 |            70.00 |",
        r"| wordnet826 | softsort   | [.5 .5] |       3 | **62.00 ± 2.00** | **82.00 ± 2.00** |",
    ]


def test_markdown_ends_in_the_caption(found):
    assert report.render(found, "markdown").endswith(f"|\n\n{found.caption}\n")


def test_latex(found):
    lines = report.render(found, "latex").splitlines()
    assert [" ".join(line.split()) for line in lines if line.startswith((" ", "\\b", "\\t", "\\m", "\\e"))] == [
        r"\begin{table}",
        r"\begin{tabular}{lllrrr}",
        r"\toprule",
        r"data set & method & P\_K & seeds & top-1 & top-5 \\",
        r"\midrule",
        r"wordnet826 & loss\_5\%|x & [1 0] & 1 & 50.00 & 70.00 \\",
        r"wordnet826 & softsort & [.5 .5] & 3 & \textbf{62.00 $\pm$ 2.00} & \textbf{82.00 $\pm$ 2.00} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    assert r"\caption{Test accuracy in percent, mean $\pm$ standard deviation over 1 to 3 seeds; each" in lines[2]


def test_latex_escapes_what_tex_would_read(run, tmp_path):
    runs.save(tmp_path, run(method=r"a\b{c}$d#e&f~g^h_i"))
    text = report.render(report.build(tmp_path), "latex")
    assert r"a\textbackslash{}b\{c\}\$d\#e\&f\textasciitilde{}g\textasciicircum{}h\_i" in text


def test_json_is_a_list_of_flat_rows(found):
    plain, softsort = json.loads(report.render(found, "json"), parse_constant=pytest.fail)
    assert (softsort["method"], softsort["p_k"], softsort["dataset"]) == (
        "softsort",
        [0.5, 0.5],
        "wordnet826",
    )
    assert softsort["n_seeds"] == 3
    assert softsort["top1_mean"] == pytest.approx(0.62)
    assert softsort["top1_std"] == pytest.approx(0.02)
    assert (plain["top1_mean"], plain["top1_std"]) == (0.5, None)
    assert not any(isinstance(value, dict) for value in plain.values())


def test_csv_gives_back_the_rows_exactly(found):
    plain, softsort = csv.DictReader(io.StringIO(report.render(found, "csv")))
    assert float(softsort["top1_mean"]) == found.rows["top1_mean"][1]
    assert float(softsort["top1_std"]) == found.rows["top1_std"][1]
    assert (softsort["p_k"], softsort["n_seeds"]) == ("0.5 0.5", "3")
    assert (plain["method"], plain["top1_mean"], plain["top1_std"]) == ("loss_5%|x", "0.5", "")


def test_programs_get_nothing_bold(found):
    assert "*" not in report.render(found, "csv") + report.render(found, "json")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.md", "markdown"), ("a.tex", "latex"), ("a.csv", "csv"), ("a.JSON", "json"), ("a.txt", "rich")],
)
def test_a_suffix_names_a_format(name, expected):
    assert report.format_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["table.html", "table"])
def test_another_suffix_is_refused_with_the_formats(name):
    with pytest.raises(UsageError, match=rf"'{name}' ends in no format's suffix; use \.md \(markdown\), .*--format"):
        report.format_of(Path(name))


def test_an_unknown_format_is_refused(found):
    with pytest.raises(UsageError, match="unknown format 'html'; choose one of markdown, latex, csv, json"):
        report.render(found, "html")
