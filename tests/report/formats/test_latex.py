"""LaTeX; tests/latex/check.sh compiles it."""

from dataclasses import replace

import pytest

from tests.report.formats import hostile
from topkbench.report import Cell
from topkbench.report.formats.latex import render

LINES = r"""
\begin{table}
\centering
\caption{CAPTION}
\smallskip
\sbox0{%
\begin{tabular}{llrrrrrr}
\toprule
\multicolumn{2}{c}{} & \multicolumn{3}{c}{birds} & \multicolumn{3}{c}{ponds} \\
\cmidrule(lr){3-5} \cmidrule(lr){6-8}
method & P\_K & seeds & top-1 & top-5 & seeds & top-1 & top-5 \\
\midrule
softsort & [.2 .2 .2 .2 .2] & 5 & \textbf{60.00 $\pm$ 0.79} & \textbf{84.00 $\pm$ 1.58} & 1 & 52.00 [38.51, 65.20] & 82.00 [69.20, 90.23] \\
softsort & [.5 0 0 0 .5] & 5 & 55.00 $\pm$ 0.79 & 80.00 $\pm$ 1.58 &  & missing\textsuperscript{a} & missing\textsuperscript{a} \\
\bottomrule
\end{tabular}}%
\ifdim\wd0>\linewidth \resizebox{\linewidth}{!}{\usebox0}\else \usebox0\fi
\par\smallskip\footnotesize\raggedright
\textsuperscript{a} not trained yet; run: topkbench train -{}-data data/ponds.h5 -{}-method softsort -{}-p-k .5 0 0 0 .5 -{}-nloglr 2
\end{table}
"""  # noqa: E501


def test_a_float_of_booktabs(table):
    assert render([replace(table, caption="CAPTION")]) == LINES.lstrip()


def test_what_tex_would_read_is_escaped(tmp_path):
    (table,) = hostile.every(tmp_path)["cost"]
    assert (
        r"a\textbackslash{}b\{c\}\$d\#e\&f\textasciitilde{}g\textasciicircum{}h\_i\%j\textless{}k\textgreater{}"
        r"l\textbar{}m*n\textasciigrave{}o\textasciigrave{}p'{}'q-{}-r-{}-{}-s[t]u@v"
    ) in render([table])


def cells(table, *words):
    return replace(table, rows=[[Cell(word) for word in (*words, *[""] * (8 - len(words)))]])


@pytest.mark.parametrize(
    ("word", "drawn"),
    [
        ("top-1", "top-1"),
        ("-18.50", "$-$18.50"),
        ("+1.50", "+1.50"),
        ("bitonic-8a2cd8216e49", "bitonic-8a2cd8216e49"),
        ("[.2 .8]", "{}[.2 .8]"),  # \\[.2 .8] would be a length
    ],
)
def test_the_first_cell_of_a_row(table, word, drawn):
    assert f"\\midrule\n{drawn} & " in render([cells(table, word)])


def test_a_long_header_is_stacked(evidence):
    from topkbench.report import tables

    text = render(tables.build("k", evidence)[1:])
    assert r"k & \shortstack[r]{bitonic \\ {}[.2 .2 .2 .2 .2]} & \shortstack[r]{softsort" in text


def test_a_long_table_goes_on_with_the_footnotes_of_its_rows(table):
    rows = [[Cell(f"row {at}", mark="ab"[at // 40]), *table.rows[0][1:]] for at in range(41)]
    text = render([replace(table, rows=rows, footnotes={"a": "first", "b": "second"})])
    first, second = text.split("\\end{table}\n\n")
    assert first.count("row ") == 40
    assert "row 40" in second
    assert r"\caption{(Continued.)}" in second
    assert "first" in first
    assert "second" not in first
    assert r"\textsuperscript{b} second" in second
    assert "first" not in second
