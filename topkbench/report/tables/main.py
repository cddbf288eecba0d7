"""Method × data set: top-1 and top-5 (as tables 1, 2 and 5 of Petersen et al. 2022), beside what papers published."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from topkbench.report.cells import Cell, Column, Footnotes, Table, text, wrapped
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN
from topkbench.report.parts import parts
from topkbench.report.published import Known
from topkbench.report.tables import _accuracies, _captions, _missing, _published
from topkbench.report.tables._accuracies import METRICS
from topkbench.report.tables._published import Alone, Beside
from topkbench.report.values import show, show_p_k
from topkbench.report.verdicts import Basis, Verdict

CURE = "train with 'topkbench train --method softmax_cross_entropy'"


Row: TypeAlias = "pd.Series[Any]"
Key = tuple[Hashable, ...]
"""What one row is of: method, p_k and settings, or the groups that were asked for."""


class Block(NamedTuple):
    """The columns of one data set."""

    title: str
    dataset: str
    rows: pd.DataFrame
    verdicts: Sequence[Verdict]
    beside: Beside
    by_key: Mapping[Key, Row]


def build(evidence: Evidence) -> list[Table]:
    """One table of all data sets."""
    blocks = [_block(evidence, title, rows) for title, rows in parts(evidence.rows)]
    basis = Basis(chain.from_iterable(block.verdicts for block in blocks))
    notes = Footnotes()
    keys = list(dict.fromkeys(chain.from_iterable((*block.by_key, *block.beside.alone) for block in blocks)))
    keys.sort(key=lambda key: isinstance(key, Alone))

    def of_key(key: Key) -> list[Cell]:
        there = [block.by_key[key] for block in blocks if key in block.by_key]
        lacking = partial(_lacking, evidence, key, there, notes)
        figures = (_cells(block, key, there, lacking, basis, notes) for block in blocks)
        return [*_names(key, there), *chain.from_iterable(figures)]

    columns = [text("method"), wrapped("P_K"), wrapped("settings")]
    columns += chain.from_iterable(_columns(block, block.title if len(blocks) > 1 else "") for block in blocks)
    figures = pd.concat([block.rows for block in blocks], ignore_index=True)
    table = Table(
        name="main",
        title=blocks[0].title if len(blocks) == 1 else "",
        columns=columns,
        rows=[of_key(key) for key in keys],
        caption=_captions.sentences(
            f"Test accuracy in percent, {_captions.spreads(figures)}; {PICKED[evidence.select]}.",
            _captions.chosen(evidence),
            basis.caption(),
            *_identified(blocks),
        ),
        figures=figures,
        footnotes=notes.by_mark(),
    )
    return [table.without_empty("P_K", "settings")]


def _block(evidence: Evidence, title: str, rows: pd.DataFrame) -> Block:
    rows, found = _accuracies.compared(evidence, rows)
    by_key = {_key(row, evidence.grouped): row for _, row in rows.iterrows()}
    beside = _published.beside(evidence, rows, METRICS)
    return Block(title, rows["dataset"].iloc[0], rows, found, beside, by_key)


def _columns(block: Block, group: str) -> list[Column]:
    """Seeds, and for each metric the measured figure and, where papers have any, the published."""
    found = [Column("seeds", group)]
    for metric in METRICS:
        published = _published.ABOVE if metric in block.beside.metrics else ()
        found += [Column(name, group) for name in (SHOWN[metric], *published)]
    return found


def _key(row: Row, grouped: Sequence[str]) -> Key:
    """In words, as what a configuration has not, NaN, is not equal to itself."""
    return tuple(show(row[name]) for name in grouped or ("method", "p_k", "settings"))


def _names(key: Key, there: Sequence[Row]) -> list[Cell]:
    """Method, P_K and settings; of a group whatever they are on the data sets."""
    if isinstance(key, Alone):
        return key.names()
    several = [(row["method"], show_p_k(row["p_k"]), row["settings"]) for row in there]
    return [Cell("; ".join(filter(None, dict.fromkeys(each)))) for each in zip(*several, strict=True)]


def _cells(
    block: Block,
    key: Key,
    there: Sequence[Row],
    lacking: Callable[[Block], Cell],
    basis: Basis,
    notes: Footnotes,
) -> list[Cell]:
    """A row's cells of one data set; `lacking` makes that of a figure that is not there."""
    row = block.by_key.get(key)
    found = [Cell("" if row is None else str(row["n_seeds"]))]
    for metric in METRICS:
        found.append(lacking(block) if row is None else _accuracies.cell(row, metric, basis))
        if metric in block.beside.metrics:
            mean = None if row is None else 100 * row[f"{metric}_mean"]
            found += _published.cells(_figure(block.beside, key, there, metric), mean, notes)
    return found


def _figure(beside: Beside, key: Key, there: Sequence[Row], metric: str) -> _published.Figure | None:
    if isinstance(key, Alone):
        return beside.alone.get(key, {}).get(metric)
    return beside.measured.get((there[0]["method"], metric))


def _lacking(evidence: Evidence, key: Key, there: Sequence[Row], notes: Footnotes, block: Block) -> Cell:
    """What was not measured on this data set, but is elsewhere or in a paper; of another backbone, nothing can be."""
    if isinstance(key, Alone):
        of_backbone = any(figure["same"] for figure in block.beside.alone.get(key, {}).values())
        return _missing.missing(evidence, notes, block.dataset, key.method, ()) if of_backbone else Cell("")
    row = there[0]
    return _missing.missing(evidence, notes, block.dataset, row["method"], row["p_k"], _settings(row))


def _settings(row: Row) -> dict[str, Any]:
    """What tells a configuration from others, but for the data and what it has not."""
    named = row["told"]
    options = {name: row[name] for name in named if row[name] == row[name]}  # NaN is none
    judged = dict(options.pop("loss_options", ()))
    return options | judged


def _identified(blocks: Sequence[Block]) -> list[str]:
    """What data sets are taken for, where published figures stand beside theirs."""
    return [_taken_for(block.title, block.beside.known) for block in blocks if block.beside.metrics]


def _taken_for(title: str, known: Known) -> str:
    if known.backbone:
        return f"{title} is taken for {known.dataset}, embedded by {known.backbone}, by its classes and dimensions."
    return f"{title} is known by its name alone: what embedded it may be another backbone than the papers'."
