r"""LaTeX: `table` floats with booktabs' rules (\usepackage{booktabs}), the best in \textbf, and a \caption."""

from collections.abc import Sequence
from itertools import groupby

from topkbench.report.cells import Cell, Column, Table

_ESCAPED = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "-": "{-}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$", "Δ": r"$\Delta$", "α": r"$\alpha$"}
    | {"†": r"\textdagger{}", "–": "--", "−": "$-$", "×": r"$\times$", "[": "{[}", "]": "{]}"}
)
# [ after \\ would be read as a length, and -- as a dash


def render(tables: Sequence[Table]) -> str:
    """One float a table."""
    return "\n".join(map(_table, tables))


def _table(table: Table) -> str:
    title = f"{table.title}. " if table.title else ""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escape(title + table.caption)}}}",
        rf"\begin{{tabular}}{{{''.join('r' if column.is_number else 'l' for column in table.columns)}}}",
        r"\toprule",
        *_groups(table.columns),
        _line([_escape(column.name) for column in table.columns]),
        r"\midrule",
        *(_line([_cell(cell) for cell in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
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


def _footnotes(table: Table) -> list[str]:
    notes = [rf"\textsuperscript{{{mark}}} {_escape(text)}" for mark, text in table.footnotes.items()]
    return [r"\par\smallskip\footnotesize\raggedright", " \\\\\n".join(notes)] if notes else []


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    text = _escape(cell.text)
    mark = rf"\textsuperscript{{{_escape(cell.mark)}}}" if cell.mark else ""
    return (rf"\textbf{{{text}}}" if cell.bold else text) + mark


def _escape(text: str) -> str:
    return text.translate(_ESCAPED)
