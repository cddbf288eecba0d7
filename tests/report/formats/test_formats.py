"""Every table in every format for people holds what was worked by hand; programs get the figures."""

import csv
import io
import json
import math
from pathlib import Path
from statistics import mean, stdev

import pytest

from tests.report import drawn, expected, known
from topkbench import report
from topkbench.cli import _tables
from topkbench.errors import UsageError
from topkbench.report import Table, gather, tables


@pytest.fixture(scope="session")
def every(evidence, noisy, parts) -> dict[str, list[Table]]:
    """By name the tables of `known`."""
    folders = {"noise": gather(noisy), "subset": gather(parts)}
    return {name: tables.build(name, folders.get(name, evidence)) for name in tables.names()}


def write(table: Table, format_: str) -> str:
    if format_ != "rich":
        return report.render([table], format_)
    return _tables.draw([table], _tables.console(plain=True)).removeprefix(f"{table.title}\n")


@pytest.mark.parametrize("format_", drawn.READERS)
@pytest.mark.parametrize("name", expected.ALL)
def test_every_table_for_people(every, name, format_):
    found = [drawn.READERS[format_](write(table, format_)) for table in every[name]]
    assert found == [expected.grid(words) for words in expected.ALL[name]]


@pytest.mark.parametrize("format_", drawn.READERS)
def test_tables_without_a_literal_hold_what_their_own_tests_check(every, format_):
    for table in (*every["k"], every["runs"][0]):
        read = drawn.READERS[format_](write(table, format_))
        assert read == drawn.of(table)[: len(read)]
        assert len(read) > 20


@pytest.mark.parametrize("format_", drawn.READERS)
@pytest.mark.parametrize("name", tables.names())
def test_captions_and_footnotes_come_along(every, name, format_):
    for table in every[name]:
        text = " ".join(write(table, format_).split())
        assert "per_metric" in text.replace("\\", "") or name in ("cost", "hierarchy")
        assert text.count("not trained yet; run: topkbench train") == len(table.footnotes)


def test_the_flat_rows_are_those_of_a_plain_loop(every):
    rows = json.loads(report.render(every["main"], "json"), parse_constant=pytest.fail)
    by_name = {(row["dataset"], row["method"], tuple(row["p_k"])): row for row in rows}
    assert len(by_name) == len(rows) == 15
    for method in known.METHODS:
        for p_k in known.P_KS:
            row = by_name["birds", method, p_k]
            top1, top5, *_ = zip(*(known.birds(method, p_k, seed) for seed in known.SEEDS), strict=True)
            assert row["n_seeds"] == 5
            assert row["top1_mean"] == pytest.approx(mean(top1) / 200, rel=1e-12)
            assert row["top5_std"] == pytest.approx(stdev(top5) / 200, rel=1e-12)
            assert row["valid_top1_mean"] == (0.75 if p_k == known.BEST_ON_VALIDATION[method] else 0.5)
    alone = by_name["ponds", "softsort", known.UNIFORM]
    assert (alone["n_seeds"], alone["top1_mean"], alone["top1_std"]) == (1, 0.52, None)


@pytest.mark.parametrize("name", tables.names())
def test_csv_holds_what_json_does(every, name):
    plain = json.loads(report.render(every[name], "json"))
    lines = list(csv.DictReader(io.StringIO(report.render(every[name], "csv"))))
    assert len(lines) == len(plain)
    for line, row in zip(lines, plain, strict=True):
        assert list(line) == list(row)
        for column, value in row.items():
            assert same(line[column], value), column
        assert not any(isinstance(value, dict) for value in row.values())


def same(text: str, value: object) -> bool:
    if isinstance(value, list):
        return [float(word) for word in text.split()] == value
    if value is None:
        return text == ""
    return float(text) == value if isinstance(value, float) else text == str(value)


def test_programs_get_nothing_bold_and_full_precision(every):
    for format_ in ("csv", "json"):
        text = report.render(every["main"], format_)
        assert "*" not in text
        assert "±" not in text
    (row, *_) = json.loads(report.render(every["k"], "json"))
    ranks = [known.ranks(known.at(known.birds("bitonic", known.LAST, s), "per_metric_top1"), 200, s) for s in range(5)]
    assert row["top3_mean"] == pytest.approx(mean(sum(each <= 3 for each in of_one) / 200 for of_one in ranks))
    assert not math.isclose(row["top3_mean"], round(row["top3_mean"], 2))


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.md", "markdown"), ("a.tex", "latex"), ("a.typ", "typst"), ("a.csv", "csv"), ("a.JSON", "json"),
     ("a.txt", "rich"), ("a.html", "html")],
)  # fmt: skip
def test_a_suffix_names_a_format(name, format_):
    assert report.format_of(Path(name)) == format_


@pytest.mark.parametrize("name", ["table.doc", "table"])
def test_another_suffix_is_refused_with_the_formats(name):
    with pytest.raises(UsageError, match=rf"'{name}' ends in no format's suffix; use \.md \(markdown\), .*--format"):
        report.format_of(Path(name))


def test_an_unknown_format_is_refused(every):
    with pytest.raises(UsageError, match="unknown format 'docx'; choose one of markdown, latex, typst, csv, json"):
        report.render(every["main"], "docx")
