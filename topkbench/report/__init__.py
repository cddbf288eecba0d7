"""From run records to tables: records → one row a run → one row a configuration → text.

`build(Path("results"))` reads and folds the records; `render(built, "markdown")` writes them out. Of the
steps between, `frame` and `rows` give pandas tables of numbers, and `table` the text that people read.
"""

from topkbench.report.display import Best, caption, table
from topkbench.report.folding import rows
from topkbench.report.formats import RENDERERS, format_of, render
from topkbench.report.frames import frame
from topkbench.report.summary import Report, build

__all__ = ["RENDERERS", "Best", "Report", "build", "caption", "format_of", "frame", "render", "rows", "table"]
