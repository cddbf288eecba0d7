"""Method × data set: top-1 and top-5 (as tables 1, 2 and 5 of Petersen et al. 2022), beside what papers published."""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd

from topkbench.report import folding
from topkbench.report.cells import Cell, Column, Footnotes, Table, text, wrapped
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN
from topkbench.report.tables import _accuracies, _captions, _missing, _published
from topkbench.report.tables._accuracies import METRICS
from topkbench.report.tables._published import Beside
from topkbench.report.values import show_p_k
from topkbench.report.verdicts import Basis, Verdict

CURE = "train with 'topkbench train --method softmax_cross_entropy'"


class Key(NamedTuple):
    """What one row is of; `settings` is the backbone where a paper has it and nobody has measured it."""

    method: str
    p_k: tuple[float, ...] | None
    settings: str


class Block(NamedTuple):
    """The columns of one data set."""

    dataset: str
    rows: pd.DataFrame
    verdicts: Sequence[Verdict]
    beside: Beside
    by_key: Mapping[Key, "pd.Series[Any]"]


def build(evidence: Evidence) -> list[Table]:
    """One table of all data sets."""
    blocks = [_block(evidence, rows) for _, rows in evidence.rows.groupby("dataset", sort=False)]
    basis = Basis(chain.from_iterable(block.verdicts for block in blocks))
    notes = Footnotes()
    measured = ChainMap(*(dict(block.by_key) for block in blocks))
    keys = list(dict.fromkeys(chain.from_iterable(block.by_key for block in blocks)))
    keys += list(dict.fromkeys(Key(name, None, of) for block in blocks for name, of in block.beside.alone))

    def of_all(key: Key) -> Iterable[Cell]:
        lacking = partial(_lacking, evidence, key, measured.get(key), notes)
        return chain.from_iterable(_cells(block, key, lacking, basis, notes) for block in blocks)

    columns = [text("method"), wrapped("P_K"), wrapped("settings")]
    columns += chain.from_iterable(_columns(block, block.dataset if len(blocks) > 1 else "") for block in blocks)
    figures = pd.concat([block.rows for block in blocks], ignore_index=True)
    table = Table(
        name="main",
        title=blocks[0].dataset if len(blocks) == 1 else "",
        columns=columns,
        rows=[[*_names(key), *of_all(key)] for key in keys],
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


def _block(evidence: Evidence, rows: pd.DataFrame) -> Block:
    rows, found = _accuracies.compared(evidence, rows)
    by_key = {Key(row["method"], row["p_k"], row["settings"]): row for _, row in rows.iterrows()}
    beside = _published.beside(evidence, rows, METRICS)
    return Block(rows["dataset"].iloc[0], rows, found, beside, by_key)


def _columns(block: Block, group: str) -> list[Column]:
    """Seeds, and for each metric the measured figure and, where papers have any, the published."""
    found = [Column("seeds", group)]
    for metric in METRICS:
        published = _published.ABOVE if metric in block.beside.metrics else ()
        found += [Column(name, group) for name in (SHOWN[metric], *published)]
    return found


def _names(key: Key) -> list[Cell]:
    return [Cell(key.method), Cell("" if key.p_k is None else show_p_k(key.p_k)), Cell(key.settings)]


def _cells(block: Block, key: Key, lacking: Callable[[Block], Cell], basis: Basis, notes: Footnotes) -> list[Cell]:
    """A row's cells of one data set; `lacking` makes that of a figure that is not there."""
    row = block.by_key.get(key)
    found = [Cell("" if row is None else str(row["n_seeds"]))]
    for metric in METRICS:
        found.append(lacking(block) if row is None else _accuracies.cell(row, metric, basis))
        if metric in block.beside.metrics:
            mean = None if row is None else 100 * row[f"{metric}_mean"]
            found += _published.cells(_figure(block.beside, key, metric), mean, notes)
    return found


def _figure(beside: Beside, key: Key, metric: str) -> _published.Figure | None:
    if key.p_k is None:
        return beside.alone.get((key.method, key.settings), {}).get(metric)
    return beside.measured.get((key.method, metric))


def _lacking(evidence: Evidence, key: Key, elsewhere: "pd.Series[Any] | None", notes: Footnotes, block: Block) -> Cell:
    """What was not measured on this data set, but may be elsewhere; of another backbone, nothing here can be."""
    figures = block.beside.alone.get((key.method, key.settings), {}).values()
    if key.p_k is None and not any(figure["same"] for figure in figures):
        return Cell("")
    settings = {} if elsewhere is None else _settings(key, elsewhere)
    return _missing.missing(evidence, notes, block.dataset, key.method, key.p_k or (), settings)


def _settings(key: Key, row: "pd.Series[Any]") -> dict[str, Any]:
    """What tells a configuration from others, but for the data and what it has not."""
    named = [name for name in folding.told(key.settings) if name != "checksum" and name in row]
    options = {name: row[name] for name in named if row[name] == row[name]}  # NaN is none
    judged = dict(options.pop("loss_options", ()))
    return options | judged


def _identified(blocks: Sequence[Block]) -> list[str]:
    """What data sets are taken for, where published figures stand beside theirs."""
    known = [(block.dataset, block.beside.known) for block in blocks if block.beside.metrics]
    return [
        f"{dataset} is taken for {known.dataset}, embedded by {known.backbone}, by its classes and dimensions."
        for dataset, known in known
        if known.backbone
    ]
