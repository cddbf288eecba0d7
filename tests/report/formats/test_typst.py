"""Typst: what the compiler makes of it, and what stands there."""

import pytest

from tests.report.formats import hostile
from topkbench.report import tables
from topkbench.report.formats.typst import render


@pytest.fixture
def compiled(tmp_path):
    """Compile a document to PDF; the compiler raises what is wrong with it."""
    typst = pytest.importorskip("typst", reason="the compiler is not installed: pip install typst")

    def compile_(document: str) -> None:
        (tmp_path / "document.typ").write_text(document, encoding="utf-8")
        assert typst.compile(str(tmp_path / "document.typ"), format="pdf").startswith(b"%PDF")

    return compile_


@pytest.mark.parametrize("name", ["cost", "hierarchy", "k", "main", "pk", "runs"])
def test_every_table_compiles(evidence, compiled, name):
    compiled(render(tables.build(name, evidence)))


def test_hostile_names_compile_and_stand_there_as_they_are(tmp_path, compiled):
    every = hostile.every(tmp_path)
    assert set(every) == {"cost", "hierarchy", "k", "main", "noise", "pk", "runs"}
    text = render([table for several in every.values() for table in several])
    compiled(text)
    assert "o`p''q--r---s[t]u@v" in text
    assert r'"a\\b{c}$d#e&f' in text
    assert r"v\\\"w#let x" in text


def test_a_table_needs_the_definition_once(evidence):
    text = render(tables.build("pk", evidence))
    assert text.count("#let fitted") == 1
    assert text.count("#fitted(table(") == 2


def test_figures_have_their_captions_above_and_numbers_on_the_right(table):
    text = render([table])
    assert 'caption: figure.caption(position: top, "Test accuracy in percent' in text
    assert "align: (left, left, right, right, right, right, right, right,)," in text
    assert '"softsort", "[.5 0 0 0 .5]", "5", "55.00 ± 0.79", "80.00 ± 1.58", "", "missing" + super("a"), ' in text
    assert '      #super("a") #"not trained yet; run: topkbench train --data data/ponds.h5' in text
