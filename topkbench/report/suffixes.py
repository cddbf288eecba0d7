"""What a file's name says of what is to stand in it."""

from collections.abc import Mapping
from pathlib import Path

from topkbench.errors import UsageError


def format_of(path: Path, suffixes: Mapping[str, str], wanting: str) -> str:
    """The format that a file's suffix names.

    Args:
        path: of the file.
        suffixes: and their formats.
        wanting: what is said of another suffix, behind "ends in no".

    Raises:
        UsageError: it names none.
    """
    try:
        return suffixes[path.suffix.lower()]
    except KeyError:
        raise UsageError(f"{path.name!r} ends in no {wanting}") from None
