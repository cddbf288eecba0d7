r"""LaTeX: `table` floats with booktabs' rules, the \caption above, the best in \textbf.

They need \usepackage{booktabs,graphicx}. A table wider than the text is scaled down to it; one of more rows than fit on
a page goes on in further floats.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from topkbench.report.cells import Cell, Column, Table
from topkbench.report.formats._paper import CONTINUED, pages, signed, stacked, titled

_ESCAPED = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "`": r"\textasciigrave{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "†": r"\textdagger{}", "–": r"\textendash{}"}
    | {"±": r"$\pm$", "×": r"$\times$", "−": "$-$", "Δ": r"$\Delta$", "α": r"$\alpha$"}
)
_LIGATURE = re.compile("-(?=-)|'(?=')")


def render(tables: Sequence[Table]) -> str:
    """One float a table, several for a long one."""
    return "\n".join(_float(page) for table in tables for page in pages(table))


def _float(table: Table) -> str:
    lines = [
        r"\begin{table}",
        *([r"\addtocounter{table}{-1}"] if table.caption == CONTINUED else []),
        r"\centering",
        rf"\caption{{{_escape(titled(table))}}}",
        r"\smallskip",
        r"\sbox0{%",
        rf"\begin{{tabular}}{{{''.join(map(_side, table.columns))}}}",
        r"\toprule",
        *_groups(table.columns),
        _line(map(_header, table.columns)),
        r"\midrule",
        *(_line(map(_cell, row)) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}%",
        r"\ifdim\wd0>\linewidth \resizebox{\linewidth}{!}{\usebox0}\else \usebox0\fi",
        *_footnotes(table),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _groups(columns: Sequence[Column]) -> list[str]:
    """The line above the headers, and the rules below it; none where no column has a group."""
    spans, rules, at = [], [], 1
    for group, members in groupby(columns, key=lambda column: column.group):
        width = len(list(members))
        spans.append(rf"\multicolumn{{{width}}}{{c}}{{{_escape(group)}}}")
        rules += [rf"\cmidrule(lr){{{at}-{at + width - 1}}}"] if group else []
        at += width
    return [_line(spans), " ".join(rules)] if rules else []


def _header(column: Column) -> str:
    lines = stacked(column.name)
    text = r" \\ {}".join(map(_escape, lines))
    return text if len(lines) == 1 else rf"\shortstack[{_side(column)}]{{{text}}}"


def _side(column: Column) -> str:
    return "r" if column.is_number else "l"


def _footnotes(table: Table) -> list[str]:
    notes = [rf"\textsuperscript{{{mark}}} {_escape(text)}" for mark, text in table.footnotes.items()]
    return [r"\par\smallskip\footnotesize\raggedright", " \\\\\n".join(notes)] if notes else []


def _line(cells: Iterable[str]) -> str:
    line = " & ".join(cells) + r" \\"
    return f"{{}}{line}" if line.startswith("[") else line  # which \\ and \midrule would take for a length


def _cell(cell: Cell) -> str:
    text = _escape(signed(cell.text))
    mark = rf"\textsuperscript{{{_escape(cell.mark)}}}" if cell.mark else ""
    return (rf"\textbf{{{text}}}" if cell.bold else text) + mark


def _escape(text: str) -> str:
    r"""The text without what TeX would read as a command, or join to another sign.

    >>> print(_escape("top-1 of a_b: 50% --p-k"))
    top-1 of a\_b: 50\% -{}-p-k
    """
    return _LIGATURE.sub(lambda found: found[0] + "{}", text.translate(_ESCAPED))
