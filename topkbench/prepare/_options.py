"""What the caller wants, and the recipe by which a finished store is known to be just that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from topkbench.errors import UsageError

DTYPES = ("keep", "float16", "float32")


@dataclass(frozen=True)
class Options:
    """How a dump becomes a store.

    Attributes:
        mapping: Role (train_embeddings, test_labels, …) → key in the dump, where the keys do not tell.
        dtype: keep (float16 and float32 stay, everything else becomes float32), float16 or float32.
        classes: A list that ships or a file (see `topkbench.classes.load`); it comes before the dump's own.
        hierarchy: One that ships or a file (see `topkbench.hierarchy.load`), of parents or of distances. Classes that
            are WordNet's or CIFAR-100's need none.
        test_fraction: Makes a stratified test split of this part of the training rows, where there is none.
        split_seed: Of that split.
        allow_nonfinite: Keep rows that hold NaN or infinite values.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "keep"
    classes: str | None = None
    test_fraction: float | None = None
    split_seed: int = 0
    allow_nonfinite: bool = False
    hierarchy: str | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UsageError(f"unknown dtype {self.dtype!r}; choose one of {', '.join(DTYPES)}")
        if self.split_seed < 0:
            raise UsageError(f"--split-seed {self.split_seed}: it must be at least 0")


def recipe(sources: Sequence[Path], options: Options) -> str:
    """Write down what a store is made of: its files (name, size, time of change) and the options.

    Raises:
        UsageError: A source is not a file.
    """
    made_of: dict[str, Any] = {"sources": sorted(_identity(source) for source in sources), **asdict(options)}
    for name, given in (("classes", options.classes), ("hierarchy", options.hierarchy)):
        if given and Path(given).is_file():
            made_of[name] = _identity(Path(given))
    if options.hierarchy is None:  # so are stores that were made before there were any
        del made_of["hierarchy"]
    return json.dumps(made_of, sort_keys=True)


def _identity(path: Path) -> tuple[str, int, int]:
    """Tell a file from its other versions, without reading it: a sha256 of 50 GB takes half a minute."""
    if not path.is_file():
        raise UsageError(f"no file {path}; see 'topkbench prepare --help'")
    status = path.stat()
    return path.name, status.st_size, status.st_mtime_ns
