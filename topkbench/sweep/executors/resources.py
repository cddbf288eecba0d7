"""What each worker asks SLURM for."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from topkbench.errors import UsageError

_RANGES: dict[str, tuple[type, float, float]] = {
    "minutes": (int, 1, 525_600),
    "cpus": (int, 1, 4096),
    "gpus": (int, 0, 64),
    "memory": (float, 0.001, 65_536),
    "notice": (int, 30, 86_400),
    "requeues": (int, 0, 100_000),
    "at_once": (int, 1, 100_000),
}
_NAMES = ("partition", "account", "qos", "constraint")
_OWN = {
    *("array", "chdir", "error", "job-name", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output", "wrap"),
    *("requeue", "no-requeue", "signal", "time", "cpus-per-task", "gpus-per-node", "mem", *_NAMES),
}
"""The options of sbatch that topkbench sets itself."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What each worker of a job array asks for; None leaves it to the cluster's default.

    Attributes:
        minutes: The time limit, after which a worker is queued again. At least the longest run takes, as that is
            what each time limit costs; 1 to 525,600 (a year).
        cpus: CPU cores.
        gpus: GPUs.
        memory: GiB of main memory.
        partition: The queue.
        account: Whom the time is charged to.
        qos: The quality of service.
        constraint: What the node must have.
        notice: Seconds between SLURM's warning and the end of the time limit; 30 at least, to end a worker in.
        requeues: How often a worker that ran out of time is queued again.
        at_once: How many workers may run at the same time.
        extra: Other options of sbatch, by their long names; an empty value is an option that takes none.

    Raises:
        UsageError: a number is out of range, a text would not reach SLURM as it stands, or an extra option is one
            that topkbench sets.
    """

    minutes: int = 60
    cpus: int = 1
    gpus: int = 0
    memory: float | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    notice: int = 90
    requeues: int = 100
    at_once: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, bounds in _RANGES.items():
            _check_number(name, getattr(self, name), *bounds)
        if self.notice >= 60 * self.minutes:
            cure = "give less notice or more minutes"
            raise UsageError(f"notice of {self.notice} s leaves nothing of a limit of {self.minutes} min; {cure}")
        for name in _NAMES:
            check_text(name, getattr(self, name) or "")
        for name, value in self.extra.items():
            _check_extra(name, value)

    def options(self) -> dict[str, str]:
        """The options of sbatch, by their long names, that hold for every way to submit; those of time are not here."""
        named = {name: getattr(self, name) for name in _NAMES}
        amounts = {
            "cpus-per-task": self.cpus,
            "gpus-per-node": self.gpus or None,
            "mem": self.memory and f"{math.ceil(self.memory * 1024)}M",
        }
        chosen = {name: str(value) for name, value in {**named, **amounts}.items() if value is not None}
        return {**chosen, "requeue": "", **self.extra}


def extra_options(pairs: Iterable[str]) -> dict[str, str]:
    """Read NAME=VALUE, or NAME alone, for `Resources.extra`; underscores in names are hyphens.

    >>> extra_options(["mail_type=END", "exclusive"])
    {'mail-type': 'END', 'exclusive': ''}
    """
    split = (pair.partition("=") for pair in pairs)
    return {name.strip().replace("_", "-"): value.strip() for name, _, value in split}


def check_text(what: str, value: str) -> str:
    """The value, if sbatch reads it as it stands.

    Args:
        what: Names the value in the error.
        value: A line break could start another `#SBATCH`, sbatch reads quotes and backslashes otherwise than a shell
            does, and `%` starts a pattern in a path.

    Raises:
        UsageError: it would be read as something else.
    """
    if not value.isprintable() or re.search(r"""['"\\%]""", value):
        raise UsageError(f"{what} is {value!r}: line breaks, quotes, '\\' and '%' confuse SLURM; leave them out")
    return value


def _check_number(name: str, value: float | None, kind: type, low: float, high: float) -> None:
    if value is None or (isinstance(value, (int, kind)) and low <= value <= high):
        return
    number = "whole number" if kind is int else "number"
    raise UsageError(f"{name} is {value!r}; give a {number} from {low:,} to {high:,}")


def _check_extra(name: str, value: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise UsageError(f"{name!r} is no option of sbatch; give the long name without its dashes, as in mail-type=END")
    if name in _OWN:
        raise UsageError(f"sbatch's {name!r} is set by topkbench; leave it out, or change the script it writes")
    check_text(f"sbatch's {name!r}", value)
