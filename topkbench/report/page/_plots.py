"""The plots, as SVG that may stand in a page: no two share an id, and their colours have a dark counterpart."""

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from topkbench.errors import DataError, UsageError
from topkbench.report import plots
from topkbench.report.evidence import Evidence

NO_MATPLOTLIB = "the page has no plots, as matplotlib is missing; run: pip install 'topkbench[plot]'"

_REFERENCE = re.compile(r"(?<=url\(#)")
_COLOUR = re.compile(r"(?<!\()#([0-9a-f]{6})\b")
_DROPPED = ("metadata", "style")  # a style would hold for the whole page; page.css has what it says


class Drawn(NamedTuple):
    """The plots that there is something for, as HTML by name; notes on what they leave out."""

    by_name: Mapping[str, str]
    notes: Sequence[str]


def drawn(evidence: Evidence) -> Drawn:
    """Draw every plot that needs no more than the results."""
    if find_spec("matplotlib") is None:
        return Drawn({}, [NO_MATPLOTLIB])
    by_name: dict[str, str] = {}
    notes: list[str] = []
    for name in plots.names():
        try:
            content, said = plots.render(name, "svg", evidence, _no_data)
        except UsageError:
            continue  # nothing to draw, which is no news
        except DataError as error:
            notes.append(f"plot {name} left out: {error}")
            continue
        by_name[name] = inline(f"plot-{name}", content)
        notes += said
    return Drawn(by_name, list(dict.fromkeys(notes)))


def inline(name: str, content: bytes) -> str:
    """An SVG file as part of a page: its ids, and what refers to them, begin with a name; its colours are variables.

    >>> print(inline("p", b'''<svg>
    ...   <g id="a" style="fill: #332288"/>
    ...   <use href="#a"/>
    ... </svg>'''))
    <svg style="--332288: light-dark(#332288, oklch(from #332288 calc(.93 - .73 * pow(l, 2.5)) c h))">
    <g id="p-a" style="fill: var(--332288)" />
    <use href="#p-a" />
    </svg>
    """
    root = ElementTree.fromstring(content)  # noqa: S314 - drawn here, not read from anywhere
    for element in root.iter():
        for child in [each for each in element if _plain(each.tag) in _DROPPED]:
            element.remove(child)
        element.tag = _plain(element.tag)
        element.attrib = {_plain(key): _own(_plain(key), value, name) for key, value in element.attrib.items()}
    root.set("style", "; ".join(map(_themed, sorted(set(_COLOUR.findall(content.decode()))))))
    return ElementTree.tostring(root, encoding="unicode")


def _plain(name: str) -> str:
    """A name without its namespace, which HTML knows without being told."""
    return name.rpartition("}")[2]


def _own(key: str, value: str, name: str) -> str:
    """An attribute's value, in a plot of the given name."""
    if key == "id":
        return f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return _COLOUR.sub(r"var(--\1)", _REFERENCE.sub(f"{name}-", value))


def _themed(colour: str) -> str:
    """A colour as a variable: in the dark its lightness is turned round, from white as the page's paper to its ink.

    So what is written on a colour can be read, and what stands out from a band does. The power keeps colours of middle
    lightness, which most lines have, bright.
    """
    return f"--{colour}: light-dark(#{colour}, oklch(from #{colour} calc(.93 - .73 * pow(l, 2.5)) c h))"


def _no_data() -> Path:
    raise UsageError("a page is made from the results alone")
