"""Markdown."""

from tests.report.formats import hostile
from topkbench import report
from topkbench.report.formats.markdown import render

ROWS = r"""
| method   | P\_K             |   birds seeds |      birds top-1 |      birds top-5 |   ponds seeds |          ponds top-1 |          ponds top-5 |
|:---------|:-----------------|--------------:|-----------------:|-----------------:|--------------:|---------------------:|---------------------:|
| softsort | [.2 .2 .2 .2 .2] |             5 | **60.00 ± 0.79** | **84.00 ± 1.58** |             1 | 52.00 [38.51, 65.20] | 82.00 [69.20, 90.23] |
| softsort | [.5 0 0 0 .5]    |             5 |     55.00 ± 0.79 |     80.00 ± 1.58 |               |  missing<sup>a</sup> |  missing<sup>a</sup> |
"""  # noqa: E501
RUN = "topkbench train --data data/ponds.h5 --method softsort --p-k .5 0 0 0 .5 --nloglr 2"


def test_rows_then_the_caption_then_footnotes(table):
    rows, caption, footnote = render([table]).split("\n\n")
    assert rows == ROWS.strip()
    assert caption == table.caption.replace("_", r"\_")
    assert footnote == f"- <sup>a</sup> not trained yet; run: {RUN}\n"


def test_tables_stand_below_each_other_under_their_titles(evidence):
    text = render(report.tables.build("pk", evidence))
    assert text.startswith("**birds**\n\n| P\\_K ")
    assert "\n\n**ponds**\n\n| P\\_K " in text


def test_nothing_in_a_name_is_markup(tmp_path):
    (table,) = hostile.every(tmp_path)["cost"]
    text = render([table])
    cells = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert cells == {len(table.columns) - 1}
    assert r"a\\b{c}$d#e&f~g^h\_i%j\<k>l\|m\*n\`o\`p" in text
