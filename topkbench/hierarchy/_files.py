"""A hierarchy from a file: who belongs to whom (CSV, TSV, JSON), or how far apart classes are (.npy, CSV).

What a file is, its content tells, not its name; it may be gzipped.
"""

import csv
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from topkbench.errors import DataError, UnsafeInputError
from topkbench.hierarchy._graph import Edge


class Distances(NamedTuple):
    """Distances of a file.

    Attributes:
        values: Whatever shape the file gives them, float32.
        lines: Of each row, the line of the text, from 1; None where the file is no text.
    """

    values: npt.NDArray[np.float32]
    lines: list[int] | None

    def place(self, row: int, column: int) -> str:
        """Where a distance stands in the file, for messages."""
        if self.lines is None:
            return f"row {row}, column {column} (from 0)"
        return f"line {self.lines[row]}, column {column + 1}"


_NPY = b"\x93NUMPY"
_GZIP = b"\x1f\x8b"
_LOOK = 4096  # characters by which a text is known
_MOST = 2**26  # characters of a text of parents, a hundred times those of ImageNet-21K-P; a gzipped one may hide more
_WORDNET_HEADER = re.compile(r"wnid\thypernyms", re.IGNORECASE)
_HEADER = re.compile(r'wnid\thypernyms|"?child"?[\t,]"?parent', re.IGNORECASE)
_WORDNET_ROW = re.compile(r"n\d{8}\t(n\d{8}( n\d{8})*)?\t(?!n\d{8})")  # wnid, hypernyms, name
_CURE = "give a line 'CHILD,PARENT' for each class and group"


def read(path: Path, n_classes: int) -> list[Edge] | Distances:
    """Read a file of parents or of distances.

    Parents: lines `child,parent[,parent2 …]`, comma- or tab-separated; lines of a WordNet graph (wnid, hypernyms with
    spaces between them, name); or JSON, {child: parent or [parents]}. No parent: a root. A first line that starts with
    `child,parent` or, tab-separated, `wnid hypernyms` is a header.
    Distances: .npy, or lines of C numbers, comma- or tab-separated, without a header; a text whose first line is C
    numbers is such.

    Args:
        path: A file that exists.
        n_classes: C.

    Raises:
        DataError: It is none of these, or damaged; the message names the line where there is one.
        UnsafeInputError: It holds Python objects, or is far too long.
    """
    with path.open("rb") as file:
        is_array = file.read(len(_NPY)) == _NPY
    if is_array:
        return _array(path)
    with _text(path) as text:
        ahead = [text.readline(_MOST) for _ in range(3)]
        separator = "\t" if "\t" in ahead[0] else ","
        first, *following = [_cells(line, separator) for line in ahead]
        if not all(map(_is_number, first)) and _starts_distances(*following):
            raise DataError(
                f"{path}, line 1: a header; distances have none, but are in the order of the labels; delete it"
            )
        if _starts_distances(first, following[0]) or (len(first) == n_classes and all(map(_is_number, first))):
            text.seek(0)
            return _numbers(path, text, separator, n_classes)
    return parents(path)


def parents(path: Path) -> list[Edge]:
    """Read a text of parents, as `read` does."""
    with _text(path) as text:
        content = text.read(_MOST + 1)
    if len(content) > _MOST:
        raise UnsafeInputError(f"{path} holds more than {_MOST:,} characters; no hierarchy is so large")
    edges = _entries(path, content) if content.lstrip().startswith("{") else _lines(path, content)
    if not any(edge.parent for edge in edges):
        raise DataError(f"{path} names no parent at all; {_CURE}")
    return edges


def words(path: Path) -> list[tuple[str, str]]:
    """Read the ids and the names of a WordNet graph that ships."""
    with _text(path) as text:
        return [(row["wnid"], row["name"]) for row in csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)]


@contextmanager
def _text(path: Path) -> Iterator[TextIOWrapper]:
    """Open a text, gzipped or not, and say what is wrong with one that cannot be read."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            # utf-8-sig: spreadsheets put a mark before the first line
            yield TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, encoding="utf-8-sig", newline="")
    except UnicodeDecodeError as error:
        if error.object.startswith(_NPY):
            raise DataError(f"{path} is a gzipped .npy, which cannot be mapped to memory; unpack it") from error
        raise DataError(f"{path} is not UTF-8 text; {_CURE}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}; unpack or copy it anew") from error


# ---- distances


def _array(path: Path) -> Distances:
    try:
        found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, OverflowError) as error:
        if "Python objects" in str(error):
            raise UnsafeInputError(f"{path} holds Python objects; save the distances as numbers") from error
        raise DataError(f"{path} is damaged ({error}); write it anew") from error
    if found.dtype.kind not in "iuf":
        raise DataError(f"{path}: distances are {found.dtype}, not numbers; save floats")
    return Distances(_narrowed(found), None)


def _starts_distances(first: list[str], second: list[str]) -> bool:
    """Whether two lines start a symmetric matrix with zeros on its diagonal; as parents they would be a circle."""
    if min(len(first), len(second)) < 2 or not all(map(_is_number, (*first, *second))):
        return False
    return float(first[0]) == float(second[1]) == 0 and float(first[1]) == float(second[0])


def _cells(line: str, separator: str) -> list[str]:
    return line.strip("\r\n").split(separator)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(path: Path, text: TextIOWrapper, separator: str, n_classes: int) -> Distances:
    rows: list[npt.NDArray[np.float32]] = []
    lines: list[int] = []
    for number, line in enumerate(iter(lambda: text.readline(_MOST), ""), start=1):
        if line.strip():
            if len(rows) == n_classes:
                raise DataError(f"{path}, line {number}: more rows than the {n_classes} classes; take it out")
            rows.append(_row(_cells(line, separator), n_classes, f"{path}, line {number}"))
            lines.append(number)
    return Distances(np.stack(rows), lines)


def _row(cells: list[str], n_classes: int, place: str) -> npt.NDArray[np.float32]:
    cure = f"a distance file has {n_classes} lines of as many numbers, one for each class"
    if len(cells) != n_classes:
        raise DataError(f"{place}: {len(cells)} numbers, but there are {n_classes} classes; {cure}")
    for column, cell in enumerate(cells, start=1):
        if not _is_number(cell):
            raise DataError(f"{place}, column {column}: {cell!r} is no number; {cure}")
    return _narrowed(np.array([float(cell) for cell in cells]))


def _narrowed(distances: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # infinity is refused by who checks it
        return distances.astype(np.float32)


# ---- parents


def _entries(path: Path, content: str) -> list[Edge]:
    try:
        found = json.loads(content, object_pairs_hook=partial(_unrepeated, path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}; write {{child: parent}} or {{child: [parents]}}") from error
    return [edge for child, value in found.items() for edge in _entry(child, value, f"{path}, entry {child!r}")]


def _unrepeated(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, which would keep the last of equal keys alone."""
    found = dict(pairs)
    if len(found) < len(pairs):
        child, times = Counter(key for key, _ in pairs).most_common(1)[0]
        raise DataError(f"{path}, entry {child!r}: it is there {times} times; give one with a list of its parents")
    return found


def _entry(child: str, value: object, place: str) -> list[Edge]:
    named = value if isinstance(value, list) else [value]
    if not all(isinstance(parent, str | int | None) for parent in named):
        raise DataError(f"{place}: its parent is {value!r}; give a name or a list of names")
    return _edges(child, ["" if parent is None else str(parent) for parent in named], place)


def _lines(path: Path, content: str) -> list[Edge]:
    text = StringIO(content, newline="")
    rows = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE) if "\t" in content[:_LOOK] else csv.reader(text)
    is_wordnet = bool(_WORDNET_HEADER.match(content) or _WORDNET_ROW.match(content))
    edges: list[Edge] = []
    try:
        if _HEADER.match(content):
            next(rows)
        stripped = ([cell.strip() for cell in cells] for cells in rows)
        for child, *named in filter(any, stripped):  # any: some lines are blank
            parents = named[0].split() if is_wordnet and named else named
            edges += _edges(child, parents, f"{path}, line {rows.line_num}")
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: {error}; {_CURE}") from error
    return edges


def _edges(child: str, parents: list[str], place: str) -> list[Edge]:
    if not child:
        raise DataError(f"{place}: a parent without a child; {_CURE}")
    if "\0" in "".join([child, *parents]):  # which a store's strings cannot hold
        raise DataError(f"{place}: a NUL character in {child!r} or a parent of it; take it out")
    return [Edge(child, parent, place) for parent in filter(None, parents)] or [Edge(child, "", place)]
