"""How configurations look: each has a colour, a marker and a line, the same in every panel.

Markers and lines tell apart in grey print what colours tell apart on a screen.
"""

from collections.abc import Iterable, Mapping
from itertools import cycle
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.artist import Artist

# Paul Tol's "muted" scheme, which colour-blind readers can tell apart, and a grey for what has no colour.
COLOURS = ("#332288", "#CC6677", "#44AA99", "#DDCC77", "#88CCEE", "#882255", "#117733", "#999933", "#AA4499")
GREY = "#AAAAAA"

_ON_WHITE = tuple(COLOURS[at] for at in (0, 1, 6, 5, 2, 8, 7, 4, 3))  # the faint ones last
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("solid", "dashed", "dashdot", "dotted")
_MOST = lcm(len(_ON_WHITE), len(_MARKERS))


class Look(NamedTuple):
    """How one configuration is drawn, as matplotlib takes it.

    Attributes:
        colour: of all of it.
        marker: of its points.
        line: its dashes.
    """

    colour: str
    marker: str
    line: str

    @property
    def points(self) -> dict[str, Any]:
        """Points alone."""
        return {"color": self.colour, "marker": self.marker, "markersize": 4, "linestyle": "none"}

    @property
    def dashes(self) -> dict[str, Any]:
        """The line alone."""
        return {"color": self.colour, "linestyle": self.line, "linewidth": 1}


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give every name a look.

    Colours, markers and lines repeat each at its own pace, 9, 7 and 4, so that points tell 63 names apart.

    >>> found = looks(["a", "b", "a"])
    >>> list(found), found["b"]
    (['a', 'b'], Look(colour='#CC6677', marker='s', line='dashed'))
    """
    endless = map(Look, cycle(_ON_WHITE), cycle(_MARKERS), cycle(_LINES))
    return dict(zip(dict.fromkeys(names), endless, strict=False))


def shared(of_all: Mapping[str, Look]) -> list[str]:
    """A note on names that share a look, where there are any."""
    if len(of_all) <= _MOST:
        return []
    return [f"{len(of_all)} configurations share {_MOST} markers and colours; ask for fewer with --where"]


def legend(of_all: Mapping[str, Look], *, lines: bool = False) -> list["Artist"]:
    """What stands in a legend: points, on their lines where there are lines."""
    from matplotlib.lines import Line2D

    styles = ((name, look.points | (look.dashes if lines else {})) for name, look in of_all.items())
    return [Line2D([], [], **style, label=name) for name, style in styles]
