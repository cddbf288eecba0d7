"""The page: tables, plots and every run in one file of HTML, which asks nothing of the network.

`template.html` holds what is the same on every page, `page.css` its look; `page.js` sorts, filters and opens runs, of
which `run.js` draws what is shown. The rest is made by `_summary`, `_tables`, `_plots` and `_runs`.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import import_module
from importlib.resources import files
from itertools import groupby
from string import Template
from typing import NamedTuple

from topkbench.report import plots
from topkbench.report import tables as kinds
from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence
from topkbench.report.page import _plots, _runs, _summary, _tables
from topkbench.report.statistics import LEAST_SEEDS, LEVEL
from topkbench.report.tables import runs
from topkbench.report.verdicts import ALPHA

__all__ = ["render"]

_FIRST, _RUNS = "main", "runs"


class Section(NamedTuple):
    """A part of the page under a heading of its own.

    Attributes:
        name: by which the page's links know it, and what they show.
        heading: what it is about, in a sentence.
        body: HTML.
    """

    name: str
    heading: str
    body: str


def render(evidence: Evidence, tables: Sequence[Table]) -> tuple[bytes, Sequence[str]]:
    """Write the page; the same bytes for the same records.

    Beside the given tables it always has the plots and the runs, which every figure can be followed to.

    Args:
        evidence: what the tables are made from.
        tables: to show.

    Returns:
        The file, in UTF-8, and notes on what it lacks.
    """
    drawn = _plots.drawn(evidence)
    sections = [*_of_tables(tables), *_of_plots(drawn), _of_runs(evidence, tables)]
    script = _file("run.js") + _file("page.js")
    page = Template(_file("template.html")).substitute(
        style=_file("page.css"),
        script=script,
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        summary=_summary.drawn(evidence),
        notes=_summary.notes([*evidence.notes, *drawn.notes]),
        links="".join(f'<li><a href="#{section.name}">{section.name}</a></li>' for section in sections),
        sections="\n".join(map(_section, sections)),
        select=escape(evidence.select),
        level=f"{100 * LEVEL:g}",
        alpha=f"{100 * ALPHA:g}",
        least_seeds=LEAST_SEEDS,
    )
    # A file name that is no UTF-8 may have come into a record; it is shown, not what stops the page.
    return page.encode(errors="replace"), drawn.notes


def _of_tables(shown: Iterable[Table]) -> Iterator[Section]:
    """A section for all tables of a kind, the main one first; the runs have their own."""
    ordered = sorted((table for table in shown if table.name != _RUNS), key=lambda table: table.name != _FIRST)
    for name, same in groupby(ordered, key=lambda table: table.name):
        of = f"{kinds.__name__}.{name}" if name in kinds.names() else f"topkbench.report.{name}"
        figures = (_tables.figure(table, f"{name}-{at}") for at, table in enumerate(same))
        yield Section(name, _first_line(of), "\n".join(figures))


def _of_plots(drawn: _plots.Drawn) -> Iterator[Section]:
    for name, svg in drawn.by_name.items():
        box = f'<div class="plot scroll" role="region" tabindex="0" aria-label="{name}">{svg}</div>'
        yield Section(f"plot-{name}", _first_line(f"{plots.__name__}.{name}"), box)


def _of_runs(evidence: Evidence, shown: Iterable[Table]) -> Section:
    made = [table for table in shown if table.name == _RUNS] or runs.build(evidence)
    return Section(_RUNS, _first_line(f"{kinds.__name__}.{_RUNS}"), _runs.drawn(evidence, made[0]))


def _section(section: Section) -> str:
    return f'<section id="{section.name}">\n<h2>{escape(section.heading)}</h2>\n{section.body}\n</section>'


def _first_line(module: str) -> str:
    """What a table or plot says of itself, without the full stop: a heading."""
    return (import_module(module).__doc__ or module).splitlines()[0].removesuffix(".")


def _file(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")
