"""What stands in tables, in the notation of `expected`; formats are read back into it."""

import re
from collections.abc import Callable

from topkbench.report import Cell, Table

Grid = list[list[str]]


def of(table: Table) -> Grid:
    """The headers and the cells of a table."""
    return [list(map(str, table.columns)), *([_cell(cell) for cell in row] for row in table.rows)]


def _cell(cell: Cell) -> str:
    return cell.text + "*" * cell.bold + (f"^{cell.mark}" if cell.mark else "")


def from_rich(text: str) -> Grid:
    """Between columns two places or more are blank in every line; groups stand in a line above the headers."""
    lines = text.splitlines()
    rule = next(at for at, line in enumerate(lines) if line and set(line) == {"─"})
    end = next(at for at in range(rule, len(lines)) if not lines[at].strip())
    edges = _edges([*lines[:rule], *lines[rule + 1 : end]])
    cut = [[line[start:stop].strip() for start, stop in edges] for line in lines[:end]]
    header = [" ".join(filter(None, words)) for words in zip(*cut[:rule], strict=True)]
    return [header, *([re.sub(r" \((\w+)\)$|(†)$", r"^\1\2", cell) for cell in row] for row in cut[rule + 1 :])]


def _edges(lines: list[str]) -> list[tuple[int, int]]:
    """Where columns begin and end: between two places that are blank in every line."""
    width = max(map(len, lines))
    padded = [line.ljust(width + 2) for line in lines]
    blank = [all(line[at : at + 2] == "  " for line in padded) for at in range(width)]
    spans = re.finditer("x+", "".join("-" if each else "x" for each in blank))
    return [(found.start(), found.end() + 1) for found in spans]


def from_markdown(text: str) -> Grid:
    """The lines of a pipe table but for the one below the headers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [[_unescaped(_from_bold(cell)) for cell in row] for row in (rows[0], *rows[2:])]


def _from_bold(cell: str) -> str:
    cell = re.sub(r"<sup>(.+)</sup>", r"^\1", cell)
    return re.sub(r"^\*\*(.*)\*\*", r"\1*", cell)


def _unescaped(cell: str) -> str:
    return re.sub(r"\\([\\|*`<_])", r"\1", cell)


def from_latex(text: str) -> Grid:
    """The rows of a tabular, whose headers may be stacked, under their groups."""
    lines = [line.removeprefix("{}").removesuffix(r" \\") for line in text.splitlines()]
    top, middle, bottom = (lines.index(rf"\{rule}rule") for rule in ("top", "mid", "bottom"))
    names = [
        re.sub(r"^\\shortstack\[.\]\{(.*)\}$", r"\1", cell).replace(r" \\ {}", " ") for cell in _cut(lines[middle - 1])
    ]
    groups = re.findall(r"\\multicolumn\{(\d+)\}\{c\}\{(.*?)\}(?= &|$)", lines[top + 1])
    rows = [[_tex_cell(cell) for cell in _cut(line)] for line in lines[middle + 1 : bottom]]
    return [_under(groups, names, _from_tex), *rows]


def _under(groups: list[tuple[str, str]], names: list[str], read: Callable[[str], str] = str) -> list[str]:
    """Names of columns behind those of the groups that span so many of them."""
    above = [name for width, name in groups for _ in range(int(width))] or [""] * len(names)
    return [f"{read(group)} {read(name)}".lstrip() for group, name in zip(above, names, strict=True)]


def _cut(line: str) -> list[str]:
    return re.split(r" ?(?<!\\)& ?", line)


def _tex_cell(cell: str) -> str:
    cell = re.sub(r"\\textsuperscript\{(.+)\}$", r"^\1", cell)
    return _from_tex(re.sub(r"^\\textbf\{(.*?)\}(?=$|\^)", r"\1*", cell))


def _from_tex(text: str) -> str:
    for command, sign in {r"$\pm$": "±", r"$\Delta$": "Δ", "$-$": "-", r"\textdagger{}": "†", "-{}": "-"}.items():
        text = text.replace(command, sign)
    return re.sub(r"\\([&%$#_{}])", r"\1", text)


_STRING = r'"(?:[^"\\]|\\.)*"'
_NAMES = re.compile(rf"{_STRING}(?: \+ linebreak\(\) \+ {_STRING})*")
_CELL = re.compile(rf"(?:strong\({_STRING}\)|{_STRING})(?: \+ super\({_STRING}\))?")
_GROUP = re.compile(r'table\.cell\(colspan: (\d+), align: center, "(.*?)"\), ')


def from_typst(text: str) -> Grid:
    """The cells of a table, a row a line, which strings hold."""
    lines = [line.strip().removesuffix(",") for line in text.splitlines()]
    head = next(line for line in lines if line.startswith("table.header("))
    names = [_typst_cell(name) for name in _NAMES.findall(_GROUP.sub("", head))]
    rows = [line for line in lines if line.startswith(('"', "strong("))]
    cells = [[_typst_cell(cell) for cell in _CELL.findall(row)] for row in rows]
    return [_under(_GROUP.findall(head), names), *cells]


def _typst_cell(cell: str) -> str:
    cell = cell.replace('" + linebreak() + "', " ")
    cell = re.sub(r'^strong\((".*?")\)', r"\1*", cell)
    cell = re.sub(r' \+ super\("(.*)"\)$', r"^\1", cell)
    return re.sub(r"\\(.)", r"\1", re.sub(r'^"(.*?)"(?=$|\*|\^)', r"\1", cell)).replace("−", "-")


READERS: dict[str, Callable[[str], Grid]] = {
    "rich": from_rich,
    "markdown": from_markdown,
    "latex": from_latex,
    "typst": from_typst,
}
