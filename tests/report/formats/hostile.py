"""Names that mean something to a format, which all have to stand there as they are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.report import known
from topkbench.report import Evidence, Table, gather, tables

NAME = r"a\b{c}$d#e&f~g^h_i%j<k>l|m*n`o`p''q--r---s[t]u@v\"w#let x"
"""Of a data set, a method, an option's value, a paper."""


def evidence(folder: Path) -> Evidence:
    """Three configurations of such names, with and without label noise, and a published figure."""
    for method, option in (("softsort", "plain"), ("softsort", NAME), ("bitonic", NAME)):
        for rate in (0.0, 0.2):
            within = known.birds(method, known.UNIFORM, 0)
            record = known.record("birds", method, known.UNIFORM, 0, within, own=option, label_noise=rate, noise=NAME)
            config = {**record.config, "method": NAME if method == "bitonic" else method}
            known.save(folder / "results", replace(record, config=config, data={**record.data, "name": NAME}), within)
    quoted = '"' + NAME.replace('"', '""') + '"'
    file = folder / "published.csv"
    lines = [
        "paper,dataset,backbone,method,metric,value,grade,source",
        f"{quoted},{quoted},,lapsum,top1,58,primary,{quoted}",
    ]
    file.write_text("\n".join(lines))
    return gather(folder / "results", published_files=[file])


def every(folder: Path) -> Mapping[str, list[Table]]:
    """By name the tables of these."""
    found = evidence(folder)
    return {name: tables.build(name, found) for name in tables.names() if name != "subset"}
