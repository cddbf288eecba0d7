"""The page as a file: well-formed, whole in itself, and nothing in a record breaks out of its place."""

import gzip
import hashlib
import json
import random
import re
import sys
from base64 import b64decode, b64encode
from collections import Counter
from html.parser import HTMLParser
from io import BytesIO
from urllib.parse import unquote

import pandas as pd
import pytest

from tests.report.page.conftest import HOSTILE, METRICS
from topkbench.errors import DataError, UsageError
from topkbench.report import Cell, Column, Table, gather, page, plots, tables
from topkbench.report.page import _plots, _runs, _tables

VOID = {"meta", "link", "input", "br"}


class Parsed(HTMLParser):
    """A page's elements: tag, attributes and text, which is that of its children too. Refuses what is not balanced."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes), attributes
        element = {"tag": tag, "attributes": dict(attributes), "text": ""}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]

    def texts(self, tag):
        return [element["text"] for element in self.all(tag)]

    def values(self, *names):
        return [value for each in self.elements for name, value in each["attributes"].items() if name in names]


def parsed(path):
    return Parsed(path.read_text("utf-8"))


@pytest.fixture
def hostile(save):
    save(0.7, method=HOSTILE, dataset='"it\'s" <b>&amp; 数据')
    return save(method=f"{HOSTILE}<!--", status="failed", seed=1, note="]]>")


def test_all_is_balanced_unique_and_refers_to_what_is_there(records, write):
    found = parsed(write())
    ids = Counter(found.values("id"))
    assert set(ids.values()) == {1}
    links = [link for link in found.values("href", "xlink:href") if link != "data:,"]
    assert all(link.startswith("#") for link in links)
    runs = {unquote(link) for link in links if link.startswith("#run=")}
    assert runs == {f"#run={record.data['name']}/{record.run_id}" for record in records}
    inner = {link[1:] for link in links if not link.startswith("#run=")}
    named = {name for value in found.values("aria-labelledby") for name in value.split()} - {"run-title"}
    clips = set(re.findall(r"url\(#([^)]*)\)", " ".join(map(str, found.values("clip-path", "style", "fill")))))
    assert inner | named | clips <= set(ids)


def test_nothing_is_asked_of_the_network(records, write):
    found = parsed(write())
    assert found.values("src", "srcset", "action", "formaction", "poster", "data", "background") == []
    styles = " ".join([*found.texts("style"), *map(str, found.values("style"))])
    assert "@import" not in styles
    assert re.findall(r"url\((?!#)", styles) == []
    policies = [each["attributes"]["content"] for each in found.all("meta") if "http-equiv" in each["attributes"]]
    (script,) = found.texts("script")
    allowed = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policies == [
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'",
    ]


@pytest.mark.usefixtures("hostile", "no_plots")
def test_hostile_names_stay_text(write):
    found = parsed(write())
    assert found.all("img") == []
    assert found.all("b") == Parsed(page._file("template.html")).all("b")
    assert len(found.all("script")) == 1
    assert not any(name.startswith("on") for each in found.elements for name in each["attributes"])
    assert HOSTILE in found.texts("td")
    assert {HOSTILE, f"{HOSTILE}<!--", '"it\'s" <b>&amp; 数据'} < set(found.texts("option"))


@pytest.mark.usefixtures("no_plots")
def test_every_record_comes_back_as_it_was(records, hostile, save, write):
    strange = save(
        method="./my_\udcff.py", seed=2**63 - 1, loss=float("nan")
    )  # as a file name that is no UTF-8 is read
    packed = parsed(write()).values("data-record")
    found = [json.loads(gzip.decompress(b64decode(each))) for each in packed]
    assert {record["run_id"]: record for record in found}.items() >= {
        record.run_id: json.loads(record.to_json()) for record in (*records, hostile, strange)
    }.items()
    assert all(set(each) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") for each in packed)


def test_the_same_results_give_the_same_bytes(records, write):
    assert write().read_bytes() == write().read_bytes()


@pytest.mark.usefixtures("records", "no_plots")
def test_it_begins_with_what_was_left_out_and_what_it_is_made_from(write):
    found = parsed(write())
    assert found.texts("li")[found.texts("li").index("runs") + 1].startswith("1 run left out: wordnet826/neuralsort-0")
    assert found.texts("dd") == [
        "3 done, 1 failed",
        "2",
        "each metric at the evaluation that is best in it on validation (per_metric)",
        "other: 826 classes, 2478 test rows, checksum cd",
        "wordnet826: 826 classes, 2478 test rows, checksum ab",
        "versions that no record names",
    ]


@pytest.mark.usefixtures("records", "no_plots")
def test_runs_that_nobody_asked_for_are_counted(tmp_path):
    evidence = gather(tmp_path / "results", where=["method=bitonic"], group_by=["method", "m"])
    found = Parsed(page.render(evidence, tables.every(evidence))[0].decode())
    assert found.texts("dd")[:2] == [
        "1 done; of 4 in the folder those asked for",
        "1, of each method, m the best on validation",
    ]
    assert "<p>Of the runs asked for none was left out.</p>" in page.render(evidence, [])[0].decode()


@pytest.mark.usefixtures("records", "no_plots")
def test_the_runs_are_there_whichever_table_was_asked_for_and_once(tmp_path):
    evidence = gather(tmp_path / "results")
    for asked, expected in (("cost", ["cost", "runs"]), ("runs", ["runs"]), ("main", ["main", "runs"])):
        found = Parsed(page.render(evidence, tables.build(asked, evidence))[0].decode())
        assert [each["attributes"]["id"] for each in found.all("section")] == ["summary", *expected]
    found = Parsed(page.render(evidence, tables.every(evidence))[0].decode())
    assert found.texts("h2")[0] == "What this is made from"
    assert found.texts("h2")[1].startswith("Method × data set: top-1 and top-5")
    assert found.texts("h2")[-1] == "One line a run, whether or not it is done"


def test_a_table_keeps_its_groups_marks_and_footnotes():
    table = Table(
        name="main",
        title="a < b",
        columns=[Column("method", is_number=False), Column("top-1", "one set"), Column("top-5", "one set")],
        rows=[[Cell("x & y"), Cell("62.00 ± 2.00", bold=True, mark="†"), Cell("missing", mark="a")]],
        caption="Bold: p < .05",
        figures=pd.DataFrame(),
        footnotes={"a": "run: topkbench <it>"},
    )
    found = Parsed(_tables.figure(table, "t"))
    headers = [(each["text"], each["attributes"].get("colspan")) for each in found.all("th")]
    assert headers == [("one set", "2"), ("method", None), ("top-1", None), ("top-5", None)]
    assert found.texts("button") == ["method", "top-1", "top-5"]
    assert found.texts("td") == ["", "x & y", "62.00 ± 2.00†", "missinga"]
    assert found.texts("strong") == ["62.00 ± 2.00"]
    assert [(each["text"], each["attributes"]["href"]) for each in found.all("a")] == [("a", "#t-a")]
    assert [(each["text"], each["attributes"]["id"]) for each in found.all("li")] == [("a run: topkbench <it>", "t-a")]
    assert found.texts("h3") == ["a < b"]
    assert found.texts("figcaption") == ["Bold: p < .05"]


def drawing(colour="#CC6677"):
    """A plot with clipped lines and markers, which matplotlib names alike in every file."""
    figure = pytest.importorskip("matplotlib.figure", reason="the extra [plot] is not installed").Figure()
    figure.subplots().plot([0, 1], [0, 1], marker="o", color=colour, label='<b> id="x"')
    figure.legend()
    file = BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def test_two_plots_share_no_id_and_each_finds_its_own():
    one, other = (Parsed(_plots.inline(name, drawing())) for name in ("one", "other"))
    assert not set(one.values("id")) & set(other.values("id"))
    for found in (one, other):
        wanted = {link[1:] for link in found.values("href")}
        wanted |= set(re.findall(r"url\(#([^)]*)\)", " ".join(found.values("clip-path", "style"))))
        assert wanted
        assert wanted <= set(found.values("id"))
        assert not found.all("metadata")
        assert not found.all("style")


def test_plots_have_no_colour_that_does_not_follow_the_theme():
    found = Parsed(_plots.inline("p", drawing()))
    root, *others = found.elements
    variables = root["attributes"]["style"]
    for colour in ("cc6677", "ffffff", "000000"):
        assert f"--{colour}: light-dark(#{colour}, " in variables
    assert not any(re.search("#[0-9a-f]{6}", str(each["attributes"].get("style"))) for each in others)


def test_plots_without_anything_to_draw_are_left_out_and_torn_ones_noted(records, write, monkeypatch, tmp_path):
    def render(name, format_, evidence, data):
        if name == "empty":
            raise UsageError("nothing to draw")
        if name == "of_data":
            data()
        if name == "torn":
            raise DataError("ranks.npz is torn")
        return plots.Rendered(drawing(), ["2 runs left out, too short"])

    monkeypatch.setattr(plots, "names", lambda: ["empty", "of_data", "prototypes", "torn"])
    monkeypatch.setattr(plots, "render", render)
    evidence = gather(tmp_path / "results")
    content, notes = page.render(evidence, [])
    found = Parsed(content.decode())
    assert notes == ["2 runs left out, too short", "plot torn left out: ranks.npz is torn"]
    assert set(notes) < set(found.texts("li"))
    assert [each["attributes"]["id"] for each in found.all("section")] == ["summary", "plot-prototypes", "runs"]
    assert found.texts("h2")[1].startswith("Prototypes in the plane")


def test_without_matplotlib_it_says_how_to_get_plots(records, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    evidence = gather(tmp_path / "results")
    content, notes = page.render(evidence, [])
    assert notes == ["the page has no plots, as matplotlib is missing; run: pip install 'topkbench[plot]'"]
    assert notes[0] in Parsed(content.decode()).texts("li")
    assert b"<svg" not in content


def test_a_record_takes_a_third_of_its_size(save):
    """40 evaluations of random figures: 60 runs come to half a megabyte."""
    rng = random.Random(0)
    record = save()
    accuracies = [{metric: rng.randint(0, 990) / 990 for metric in METRICS} for _ in range(80)]
    history = [
        {"epoch": at, "step": at, "loss": rng.random(), "valid": accuracies[at], "test": accuracies[40 + at]}
        for at in range(40)
    ]
    whole = type(record)(**{**vars(record), "history": history})
    assert len(_runs.packed(whole)) < len(whole.to_json()) / 3
