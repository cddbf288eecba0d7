"""A report as text: Markdown and LaTeX for people, CSV and JSON (plain numbers, no bold) for programs."""

import json as json_module
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from topkbench.errors import UsageError
from topkbench.report.display import COSTS, SHOWN, Best
from topkbench.report.summary import Report

SUFFIXES = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json", ".txt": "rich"}
"""What a file's name says of its format; "rich" is the command line's own drawing, without colour."""

_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\|*`<"})
_LATEX = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$"}
)


def format_of(path: Path) -> str:
    """The format that a file's suffix names.

    Raises:
        UsageError: it names none.
    """
    try:
        return SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise UsageError(f"{path.name!r} ends in no format's suffix; use {known}, or give --format") from None


def render(report: Report, format_: str) -> str:
    """Write a report in one of the `RENDERERS`' formats.

    Raises:
        UsageError: there is no such format.
    """
    if format_ not in RENDERERS:
        raise UsageError(f"unknown format {format_!r}; choose one of {', '.join(RENDERERS)}")
    return RENDERERS[format_](report)


def markdown(report: Report) -> str:
    """A pipe table, the best in **bold**, the caption below."""
    table = _tabulated(report.table, "pipe", _MARKDOWN, "**{}**")
    return f"{table}\n\n{report.caption.translate(_MARKDOWN)}\n"


def latex(report: Report) -> str:
    r"""A `table` float with booktabs' rules (\usepackage{booktabs}), the best in \textbf, and a \caption."""
    # tabulate's own booktabs format would escape \textbf; its raw one has three \hline where the rules go
    raw = _tabulated(report.table, "latex_raw", _LATEX, r"\textbf{{{}}}")
    rules = iter((r"\toprule", r"\midrule", r"\bottomrule"))
    tabular = re.sub(r"\\hline", lambda _: next(rules), raw)
    caption = rf"\caption{{{report.caption.translate(_LATEX)}}}"
    return "\n".join([r"\begin{table}", r"\centering", caption, tabular, r"\end{table}", ""])


def csv(report: Report) -> str:
    """One line a configuration: fractions at full precision, p_k spaced, empty where there is no figure."""
    p_k = report.rows["p_k"].map(lambda p_k: " ".join(map(repr, p_k)))
    return report.rows.assign(p_k=p_k).to_csv(index=False, lineterminator="\n")


def json(report: Report) -> str:
    """A list of one flat object a configuration: fractions, p_k as a list, null where there is no figure."""
    flat = report.rows.astype(object).where(report.rows.notna(), None).to_dict("records")
    return json_module.dumps(flat, indent=2, allow_nan=False) + "\n"


RENDERERS: Mapping[str, Callable[[Report], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": csv,
    "json": json,
}


def _tabulated(table: pd.DataFrame, tablefmt: str, escapes: dict[int, str], bold: str) -> str:
    """Draw a table in one of tabulate's formats, its text escaped and its best cells bold."""

    def cell(text: str) -> str:
        escaped = text.translate(escapes)
        return bold.format(escaped) if isinstance(text, Best) else escaped

    numbers = {"seeds", *SHOWN.values(), *COSTS.values()}
    sides = ["right" if header in numbers else "left" for header in table.columns]
    cells = [[cell(text) for text in row] for row in table.to_numpy()]
    headers = [header.translate(escapes) for header in table.columns]
    return tabulate(cells, headers, tablefmt, colalign=sides, disable_numparse=True)
