"""Where workers write what they have to say."""

from pathlib import Path

from topkbench.errors import DataError
from topkbench.sweep.executors.resources import check_text


def folder(results: Path, sweep: str) -> Path:
    """The log folder of a sweep: RESULTS/_sweeps/NAME.

    A data set's folder never starts with an underscore (`runs.folder` strips it), and no log is called as a record
    is: reports see nothing there.
    """
    return results / "_sweeps" / sweep


def made(logs: Path) -> Path:
    """The absolute path of a log folder, which is made if need be: SLURM makes none, and its jobs die unheard.

    Raises:
        UsageError: SLURM would read the path as something else.
        DataError: it cannot be made.
    """
    home = Path(check_text("the log folder", str(logs.absolute())))
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the log folder {home}: {error.strerror}; choose another") from error
    return home
