"""Write a document that holds every table of the tests' records, and those of hostile names."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.report import known
from tests.report.formats import hostile
from topkbench.report import Table, compare, gather, render, tables

DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs,graphicx}
\begin{document}
%s
\end{document}
"""


def every(folder: Path) -> Iterator[Sequence[Table]]:
    """All kinds of tables."""
    evidence = gather(known.write(folder / "known"))
    yield from (tables.build(name, evidence) for name in tables.names() if name not in ("noise", "subset"))
    yield tables.build("noise", gather(known.write_noisy(folder / "noisy")))
    yield tables.build("subset", gather(known.write_parts(folder / "parts")))
    yield compare.build(evidence, "method=bitonic,p_k=.2*", "method=softsort,p_k=.2*")
    yield from hostile.every(folder / "hostile").values()


def main(folder: Path) -> None:
    """Write tables.tex to a folder."""
    with TemporaryDirectory() as made:
        (Path(made) / "hostile").mkdir()
        text = "\n\\clearpage\n".join(render(several, "latex") for several in every(Path(made)))
    (folder / "tables.tex").write_text(DOCUMENT % text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
