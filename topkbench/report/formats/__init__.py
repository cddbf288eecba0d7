"""Tables as text: one file a format.

A format's module holds one function, `render(tables: Sequence[Table]) -> str`. Markdown, LaTeX and Typst are for
people; CSV and JSON hold plain numbers, for programs.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from topkbench.errors import UsageError
from topkbench.report import suffixes
from topkbench.report.cells import Table
from topkbench.report.formats import csv, json, latex, markdown, typst

__all__ = ["RENDERERS", "SUFFIXES", "format_of", "render"]

RENDERERS: Mapping[str, Callable[[Sequence[Table]], str]] = {
    "markdown": markdown.render,
    "latex": latex.render,
    "typst": typst.render,
    "csv": csv.render,
    "json": json.render,
}
SUFFIXES = {
    ".md": "markdown",
    ".tex": "latex",
    ".typ": "typst",
    ".csv": "csv",
    ".json": "json",
    ".html": "html",
    ".txt": "rich",
}
"""What a file's name says of its format; html is the page, rich the command line's own drawing, without colour."""


def format_of(path: Path) -> str:
    """The format that a file's suffix names.

    Raises:
        UsageError: it names none.
    """
    known = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
    return suffixes.format_of(path, SUFFIXES, f"format's suffix; use {known}, or give --format")


def render(tables: Sequence[Table], format_: str) -> str:
    """Write tables in one of the `RENDERERS`' formats.

    Raises:
        UsageError: there is no such format.
    """
    if format_ not in RENDERERS:
        raise UsageError(f"unknown format {format_!r}; choose one of {', '.join(RENDERERS)}")
    return RENDERERS[format_](tables)
