"""Class lists: ids and names in label order, of the known data sets and of any file.

Two lists ship, `imagenet-1k` (1,000 classes) and `imagenet-21k-p` (10,450, the winter21 release). Both hold
WordNet synsets; the names are WordNet's: see WORDNET-LICENSE.txt beside this file.
"""

import gzip
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from topkbench.errors import DataError, UsageError

_HERE = Path(__file__).parent
_SUFFIX = ".tsv.gz"
_IMAGENET_1K_ROWS = 1_281_167  # a thousand classes alone are not telling
_IMAGENET_21K_P_CLASSES = 10_450  # this many are


class Classes(NamedTuple):
    """Ids and, where they are known, names, in label order."""

    ids: list[str]
    names: list[str] | None


def known() -> list[str]:
    """Name the lists that ship with topkbench.

    >>> known()
    ['imagenet-1k', 'imagenet-21k-p']
    """
    return sorted(path.name.removesuffix(_SUFFIX) for path in _HERE.glob(f"*{_SUFFIX}"))


def load(name: str) -> Classes:
    """Read a list that ships, or a text file: an id a line, in label order, optionally a tab and a name.

    Args:
        name: `imagenet-1k`, `imagenet-21k-p`, or a file's path; a name that ships comes first.

    Raises:
        UsageError: It is neither.
        DataError: The file is empty, is not UTF-8 text, or gives an id twice.

    >>> load("imagenet-1k").ids[:2], load("imagenet-1k").names[0]
    (['n01440764', 'n01443537'], 'tench')
    """
    packed = _HERE / f"{name}{_SUFFIX}"
    text = gzip.decompress(packed.read_bytes()).decode() if name in known() else _read(Path(name))
    ids, tabs, names = zip(*(line.partition("\t") for line in text.splitlines() if line.strip()), strict=True)
    twice, times = Counter(ids).most_common(1)[0]
    if times > 1:
        raise DataError(f"{name} gives the class id {twice!r} {times} times; every class needs an id of its own")
    return Classes(list(ids), list(names) if any(tabs) else None)


def guess(n_classes: int, rows: int) -> str | None:
    """Name the known data set that has this many classes and training rows, if there is one.

    >>> guess(1000, 1_281_167), guess(10_450, 11_060_223), guess(1000, 50_000)
    ('imagenet-1k', 'imagenet-21k-p', None)
    """
    if n_classes == _IMAGENET_21K_P_CLASSES:
        return "imagenet-21k-p"
    return "imagenet-1k" if (n_classes, rows) == (1000, _IMAGENET_1K_ROWS) else None


def _read(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"--classes {path}: neither a file nor one of {', '.join(known())}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text; a class list has one id a line") from error
    if not text.strip():
        raise DataError(f"{path} is empty; a class list has one id a line")
    return text
