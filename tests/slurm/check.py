"""Workers on a real SLURM of this one machine, disturbed in every way that a cluster has: `make slurm`.

    python tests/slurm/check.py
    python tests/slurm/check.py --scenario requeued -- topkbench sweep SPEC --data D --results {folder}

Needs root, Debian's packages slurm-wlm and munge, and six minutes. Each scenario starts four workers, disturbs them,
waits, and checks how they ended and which of them were queued again; of the fake ones (`worker.py`) also that every
pass was done once, however often it was begun. A worker of your own has `{folder}`, an empty one, put in, and must take
long enough to be disturbed: ten seconds a share, or a minute where its time runs out.
"""

import argparse
import contextlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from topkbench.sweep.executors import script, slurm
from topkbench.sweep.executors.resources import Resources

HERE = Path(__file__).parent
SHARES = 4
PATIENCE = 300.0

Codes = Sequence[int | None]
Start = Callable[[Sequence[str], Path, "Scenario"], Codes]


@dataclass(frozen=True)
class Scenario:
    """What is done to four workers, and what must come of them.

    Attributes:
        start: Starts them and returns their exit codes.
        disturb: Given the array's id.
        passes: Of the fake workers together.
        seconds: Of each pass.
        minutes: The time limit.
        codes: How the workers end.
        again: Which of them are queued again, once or more often.
    """

    start: Start
    disturb: Callable[[str], None]
    passes: int = 8
    seconds: float = 5.0
    minutes: int = 60
    codes: Codes = (0, 0, 0, 0)
    again: Sequence[bool] = (False, False, False, False)


def main() -> int:
    """Run the scenarios, print a row each, and return 1 if one failed."""
    options = _options()
    verdicts = []
    with tempfile.TemporaryDirectory() as temporary, _cluster(Path(temporary) / "cluster"):
        print(f"{_output('slurmctld', '-V')}, submitit {importlib.metadata.version('submitit')}")
        for name in options.scenario:
            folder = Path(temporary) / name.replace(" ", "-")
            folder.mkdir()
            verdicts.append(_run(name, folder, options.command))
    return int(not all(verdicts))


def _run(name: str, folder: Path, own: Sequence[str]) -> bool:
    """Run one scenario, by the fake workers or by one's own, and say what came of it."""
    scenario = SCENARIOS[name]
    fake = [sys.executable, str(HERE / "worker.py"), "{folder}", str(scenario.passes), str(scenario.seconds)]
    command = [word.replace("{folder}", str(folder)) for word in own or fake]
    began = time.monotonic()
    codes = scenario.start(command, folder / "logs", scenario)
    seconds = time.monotonic() - began
    restarts = _restarts()
    faults = [*_faults(scenario, codes, restarts), *([] if own else _lost_or_repeated(folder, scenario, restarts))]
    print(f"{name:22} {seconds:6.1f} s, queued again {restarts}: {'; '.join(faults) or 'ok'}", flush=True)
    return not faults


# How workers start


def by_submitit(command: Sequence[str], logs: Path, scenario: Scenario) -> Codes:
    """Submit and wait, and disturb meanwhile."""
    resources = Resources(minutes=scenario.minutes, notice=30)
    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(slurm.submit, command, SHARES, logs, resources, wait=True)
        scenario.disturb(_all_at_work())
        return submitted.result(PATIENCE).codes or ()


def by_script(command: Sequence[str], logs: Path, scenario: Scenario) -> Codes:
    """Write the script and submit it by hand; the exit codes are those that SLURM noted."""
    resources = Resources(minutes=scenario.minutes, notice=30)
    path = script.write(logs.parent / "array.sh", command, SHARES, logs, resources, home=Path.cwd())
    _output("sbatch", str(path))
    scenario.disturb(_all_at_work())
    _until(lambda: not _queue("%i"), "the array to end")
    return [int(code) for code in _of_tasks("ExitCode")]


# What disturbs them


def nothing(array: str) -> None:
    """Let them work."""


def requeue_one(array: str) -> None:
    """Queue the second again while it works, as an administrator does; say how long it takes to run again."""
    task = _second(array)
    _output("scontrol", "requeue", task)
    began = time.monotonic()
    _until(lambda: _restarts()[1] == 1 and f"{task} R" in _queue("%i %t"), "the task to run again")
    print(f"  {time.monotonic() - began:.1f} s from requeue to running again")


def preempt(array: str) -> None:
    """Let a job of a better partition take the whole node."""
    _output("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")


def cancel_one(array: str) -> None:
    """Cancel the second while it works."""
    _output("scancel", _second(array))


ALL, SECOND = (True, True, True, True), (False, True, False, False)
SCENARIOS = {
    "undisturbed": Scenario(by_submitit, nothing),
    "requeued": Scenario(by_submitit, requeue_one, again=SECOND),
    "preempted": Scenario(by_submitit, preempt, again=ALL),
    "cancelled": Scenario(by_submitit, cancel_one, codes=(0, None, 0, 0)),
    "out of time": Scenario(by_submitit, nothing, passes=24, seconds=10, minutes=1, again=ALL),
    "script": Scenario(by_script, nothing),
    "script requeued": Scenario(by_script, requeue_one, again=SECOND),
    "script preempted": Scenario(by_script, preempt, passes=24, again=ALL),
    "script out of time": Scenario(by_script, nothing, passes=24, seconds=10, minutes=1, again=ALL),
}


# What came of them


def _faults(scenario: Scenario, codes: Codes, restarts: Sequence[int]) -> Iterator[str]:
    if tuple(codes) != tuple(scenario.codes):
        yield f"exit codes {codes}, not {scenario.codes}"
    if [count > 0 for count in restarts] != list(scenario.again):
        yield f"queued again {restarts}, wanted {scenario.again}"


def _lost_or_repeated(folder: Path, scenario: Scenario, restarts: Sequence[int]) -> Iterator[str]:
    """Passes that were not done once, or begun more often than their worker was started."""
    events = [line.split()[1:3] for line in (folder / "log").read_text().splitlines()]
    begun, done = (Counter(int(number) for what, number in events if what == kind) for kind in ("start", "end"))
    for number in range(1, scenario.passes + 1):
        share = (number - 1) % SHARES
        wanted = scenario.codes[share] == 0
        if wanted and done[number] != 1:
            yield f"pass {number} done {done[number]} times"
        if begun[number] > 1 + restarts[share]:
            yield f"pass {number} begun {begun[number]} times"


# SLURM's answers


def _all_at_work() -> str:
    """The id of the one array in the queue, once all its tasks run and have had time to begin a pass."""
    _until(lambda: _queue("%t") == ["R"] * SHARES, "all tasks to run")
    time.sleep(2)
    return _queue("%F")[0]


def _second(array: str) -> str:
    return sorted(task for task in _queue("%i") if task.startswith(f"{array}_"))[1]


def _queue(form: str) -> list[str]:
    return _output("squeue", "--array", "--noheader", f"--format={form}").splitlines()


def _restarts() -> list[int]:
    """How often each task of the last array was queued again."""
    return [int(count) for count in _of_tasks("Restarts")]


def _of_tasks(field: str) -> list[str]:
    """A number that SLURM shows of each task of the last array."""
    shown = re.findall(
        rf"ArrayJobId=(\d+) ArrayTaskId=(\d+) .*? {field}=(\d+)", _output("scontrol", "--oneliner", "show", "job")
    )
    last = max(int(array) for array, _, _ in shown)
    return [value for _, _, value in sorted((int(a), int(task), value) for a, task, value in shown if int(a) == last)]


def _until(holds: Callable[[], bool], what: str) -> None:
    patience = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > patience:
            raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.2)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[None]:
    subprocess.run([HERE / "cluster.sh", "start", folder], check=True)
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    try:
        yield
    finally:
        subprocess.run([HERE / "cluster.sh", "stop", folder], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("command", nargs="*", help="a worker of your own, after --")
    options = parser.parse_args()
    options.scenario = options.scenario or list(SCENARIOS)
    return options


if __name__ == "__main__":
    sys.exit(main())
