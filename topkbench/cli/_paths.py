"""Which data file a command means when it is not told."""

from pathlib import Path

from topkbench.errors import UsageError

DATA = Path("data")
"""Where dumps and prepared files are looked for, under the current folder."""


def data_file(given: Path | None) -> Path:
    """The file given (or named by TOPKBENCH_DATA), else the only .h5 in data/.

    Raises:
        UsageError: there is none, or there are several.
    """
    if given:
        return given
    from topkbench.store import is_store

    found = [path for path in sorted(DATA.glob("*.h5")) if is_store(path)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError("no prepared data in data/; run: topkbench prepare")
    raise UsageError(f"data/ holds {len(found)} data sets; choose with --data: {', '.join(map(str, found))}")
