"""Figures from run records: one file a plot in this folder, found by listing it.

A plot's module holds one function, which draws what a report is made from:

    draw(evidence: Evidence, data: Callable[[], Path]) -> tuple[Figure, list[str]]

the figure, and notes on what it leaves out. `data()` finds the prepared file, for plots that need it.

It imports matplotlib, an extra, no sooner than it draws, and never pyplot, whose figures know screens and each other.
A name that starts with an underscore is no plot but what plots share.
"""

import pkgutil
import re
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from topkbench.errors import UsageError, did_you_mean
from topkbench.report import suffixes
from topkbench.report.evidence import Evidence

__all__ = ["SUFFIXES", "Rendered", "format_of", "names", "render"]

SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf"}
"""What a file's name says of a figure's format."""

_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "topkbench", "font.size": 9, "text.parse_math": False}
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "png": {}, "pdf": {"CreationDate": None}}
_DPI = 150
_COORDINATE = re.compile(rb'(?<=[ "])-?\d+\.\d{4,}(?=[ "\n])')


class Rendered(NamedTuple):
    """A figure as the bytes of a file, the same for the same records; notes on what is left out."""

    content: bytes
    notes: Sequence[str]


def names() -> list[str]:
    """The names of all plots, sorted.

    >>> names()
    ['curves', 'k', 'pairwise', 'prototypes', 'sensitivity', 'time', 'tradeoff']
    """
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))


def format_of(path: Path) -> str:
    """The format of a figure that a file's suffix names.

    Raises:
        UsageError: it names none.
    """
    return suffixes.format_of(path, SUFFIXES, f"figure's suffix; use {', '.join(SUFFIXES)}")


def render(name: str, format_: str, evidence: Evidence, data: Callable[[], Path]) -> Rendered:
    """Draw a plot.

    Args:
        name: one of `names()`.
        format_: one of `SUFFIXES`' formats.
        evidence: what to draw.
        data: finds the prepared file; called by the plots that need it alone.

    Raises:
        UsageError: there is no such plot, matplotlib is missing, or there is nothing to draw.
        DataError: an array beside a record is missing or torn.
    """
    if name not in names():
        near = did_you_mean(name, names()) or "."
        raise UsageError(f"unknown plot {name!r}{near} Plots: {', '.join(names())}")
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        raise UsageError("--plot needs matplotlib, which is missing; run: pip install 'topkbench[plot]'") from None
    with mpl.rc_context(_STYLE):
        figure, notes = import_module(f"{__name__}.{name}").draw(evidence, data)
        file = BytesIO()
        with warnings.catch_warnings(record=True) as heard:
            figure.savefig(file, format=format_, dpi=_DPI, metadata=_UNDATED[format_])
    content = file.getvalue()
    lacking = ["the figure's font lacks some characters of the names"] if any(map(_is_of_glyphs, heard)) else []
    return Rendered(_brief(content) if format_ == "svg" else content, [*notes, *lacking])


def _is_of_glyphs(warning: warnings.WarningMessage) -> bool:
    return str(warning.message).startswith("Glyph")


def _brief(svg: bytes) -> bytes:
    """The same with coordinates to a hundredth of a point in place of a millionth: a sixth smaller."""
    return _COORDINATE.sub(lambda found: b"%.2f" % float(found[0]), svg)
