"""Where workers write what they have to say."""

from pathlib import Path

from topkbench import runs
from topkbench.errors import DataError
from topkbench.sweep.executors.resources import check_text


def folder(results: Path, dataset: str, sweep: str) -> Path:
    """The log folder of a sweep of a data set: RESULTS/_sweeps/DATASET/SPEC, where a/b.toml and a-b.toml are two.

    A data set's folder never starts with an underscore (`runs.folder` strips it), and no log is called as a record
    is: reports see nothing there.

    >>> folder(Path("results"), "demo", "../grids/a.toml").as_posix()
    'results/_sweeps/demo/grids/a'
    """
    inner = [part for part in Path(sweep.removesuffix(".toml")).parts if part.strip("./")]
    return runs.folder(results / "_sweeps", dataset, "logs").parent.joinpath(*inner)


def made(logs: Path) -> Path:
    """The absolute path of a log folder, which is made if need be.

    Raises:
        DataError: it cannot be made.
    """
    home = logs.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the log folder {home}: {error.strerror}; choose another") from error
    return home


def made_for_slurm(logs: Path) -> Path:
    """Likewise, where SLURM is to write: it makes no folder, and its jobs die unheard.

    Raises:
        UsageError: SLURM would read the path as something else.
        DataError: it cannot be made.
    """
    check_text("the log folder", str(logs.absolute()))
    return made(logs)
