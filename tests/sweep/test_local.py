"""Workers on this machine, with quick fakes in their place: how they are started, told of and ended."""

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest
import torch

from topkbench import runs, sweep
from topkbench.errors import DataError
from topkbench.progress import silent
from topkbench.sweep.executors import local, machine
from topkbench.sweep.executors.arrivals import Arrivals
from topkbench.sweep.executors.exit_codes import WorkersError, require_ends

PRELUDE = "import os, signal, sys, time\nshare = sys.argv[-1]\n"
SAVES = "os.read(0, 1)\nprint('let go', flush=True)\nsys.exit(130)"
DEAF = "signal.signal(15, signal.SIG_IGN)\nsignal.signal(2, signal.SIG_IGN)\ntime.sleep(60)"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(local, "_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def nobody_is_left():
    """Whatever a test does, no process outlives it."""
    yield
    assert [child.cmdline() for child in psutil.Process().children()] == []


@pytest.fixture
def spread(planned, tmp_path):
    """Run a fake worker a share and return the exit codes."""

    def run(code, shares=("1/2", "2/2"), note=print, progress=silent):
        plan, command = planned(), [sys.executable, "-c", PRELUDE + code]
        return local.spread(plan, plan.members, command, shares, tmp_path / "logs", progress=progress, note=note)

    return run


def said(tmp_path, part):
    """What a worker's log holds."""
    path = tmp_path / "logs" / f"worker-{part}.log"
    return path.read_text().splitlines() if path.exists() else []


@contextmanager
def signalled(signum, moment):
    """Send this process a signal as soon as the moment has come."""

    def send():
        deadline = time.monotonic() + 60
        while not moment() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signum)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    thread.join()


# How they end


def test_every_share_has_a_worker_and_its_log_goes_on(spread, tmp_path):
    assert spread("print(sys.argv[1:])") == [0, 0]
    assert spread("print('again')") == [0, 0]
    lines = said(tmp_path, 2)
    assert [lines[1], lines[3]] == ["['--share', '2/2']", "again"]
    assert lines[0].startswith("share 2/2, 20")


def test_a_worker_that_ends_too_early_is_told_with_its_last_words(spread, tmp_path):
    told = []
    code = "print('fine')\nprint('error: disk full')\nsys.exit(4 if share == '2/2' else 3)"
    assert spread(code, note=told.append) == [3, 4]
    path = tmp_path / "logs" / "worker-2.log"
    assert told == [f"worker 2 of 2 ended with 4; {path} says why; its last line: error: disk full"]


def test_a_killed_worker_is_told_while_the_other_goes_on(spread, tmp_path):
    told, seen = [], tmp_path / "seen"

    def note(line):
        told.append(line)
        seen.touch()

    waits = f"while not os.path.exists({str(seen)!r}): time.sleep(0.02)"
    assert spread(f"if share == '2/2': os.kill(os.getpid(), 9)\n{waits}", note=note) == [0, -9]
    assert told == ["worker 2 of 2 was killed by signal 9; the same command goes on"]


def test_what_an_earlier_worker_said_is_not_quoted(spread):
    spread("print('error: of yesterday')")
    told = []
    assert spread("os.kill(os.getpid(), 9)", ["2/3"], note=told.append) == [-9]
    assert told == ["worker 2 of 3 was killed by signal 9; the same command goes on"]


def test_the_worst_end_counts_and_failed_runs_are_none():
    require_ends([0, 3, 0])
    with pytest.raises(WorkersError, match="2 of 3 workers ended too early; mend") as ended:
        require_ends([3, -9, 4])
    assert ended.value.exit_code == 4


# How they are ended


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_workers_go_and_they_save(spread, tmp_path, signum):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    both_wait = signalled(signum, lambda: all(len(said(tmp_path, part)) == 2 for part in (1, 2)))
    with both_wait, pytest.raises(KeyboardInterrupt):
        spread(f"print('here', flush=True)\n{SAVES}")
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == before
    assert [said(tmp_path, part)[-1] for part in (1, 2)] == ["let go"] * 2


def test_under_nohup_the_terminals_end_is_not_heard(spread, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signalled(signal.SIGHUP, lambda: len(said(tmp_path, 1)) == 2):
            assert spread("print('here', flush=True)\ntime.sleep(0.5)", ["1/1"]) == [0]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_that_does_not_end_is_killed(spread, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_GRACE", 0.2)
    with signalled(signal.SIGTERM, lambda: len(said(tmp_path, 1)) == 2), pytest.raises(KeyboardInterrupt):
        spread(f"print('here', flush=True)\n{DEAF}", ["1/1"])


def test_a_second_ctrl_c_does_not_wait(spread, tmp_path):
    began = time.monotonic()

    def again():  # once the first has closed the pipe
        return said(tmp_path, 1)[-1:] == ["let go"]

    first, second = signalled(signal.SIGINT, lambda: len(said(tmp_path, 1)) == 2), signalled(signal.SIGINT, again)
    with first, second, pytest.raises(KeyboardInterrupt):
        spread("print('here', flush=True)\nos.read(0, 1)\nprint('let go', flush=True)\n" + DEAF, ["1/1"])
    assert time.monotonic() - began < local._GRACE


def test_a_worker_that_cannot_be_started_leaves_none_behind(spread, tmp_path):
    (tmp_path / "logs" / "worker-2.log").mkdir(parents=True)
    with pytest.raises(DataError, match=r"cannot start worker 2/2: .*; make room"):
        spread(SAVES)


def test_of_a_terminals_ctrl_c_workers_hear_nothing_themselves(spread, tmp_path):
    spread("print(os.getsid(0) == os.getpid())", ["1/1"])
    assert said(tmp_path, 1)[-1] == "True"


# Which are started


def test_only_shares_with_something_to_do(planned):
    plan = planned()
    assert local.shares(plan, plan.members, 3) == ["1/3", "2/3", "3/3"]
    assert local.shares(plan, plan.members, 1000) == [f"{part}/12" for part in range(1, 13)]
    assert local.shares(plan, [plan.members[0], plan.members[-1]], 4) == ["1/4", "4/4"]
    assert local.shares(plan, [], 4) == []


def test_processors_are_shared_out_everywhere(planned, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # macOS has none
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert machine.environment(planned(), 0, 3) == {"OMP_NUM_THREADS": "2"}


# What they share


def placed(plan, origin, **protocol):
    """A plan as it would be elsewhere."""
    settings = [member.settings for member in plan.members]
    moved = [
        replace(each, origin={**each.origin, "residency": origin}, protocol=replace(each.protocol, **protocol))
        for each in settings
    ]
    pairs = zip(plan.members, moved, strict=True)
    return replace(plan, members=[replace(member, settings=own) for member, own in pairs])


@pytest.mark.parametrize(
    ("origin", "protocol", "workers", "residency"),
    [
        ("defaults/_protocol", {"residency": "ram"}, 2, "mmap"),
        ("defaults/_protocol", {"residency": "ram"}, 1, None),
        ("user", {"residency": "ram"}, 2, None),
        ("defaults/_protocol", {"residency": "mmap"}, 2, None),
        ("defaults/_protocol", {"residency": "device", "device": "cuda"}, 2, None),  # one a GPU
        ("defaults/_protocol", {"residency": "device", "device": "cuda"}, 3, "mmap"),
    ],
)
def test_embeddings_are_in_memory_once(planned, monkeypatch, origin, protocol, workers, residency):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert machine.residency(placed(planned(), origin, **protocol), workers) == residency


def test_each_takes_its_part_of_the_free_memory(planned, monkeypatch):
    plan, memory = planned(), psutil.virtual_memory()

    def heads(free, sharers):
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=free))
        return sweep.heads_per_pass(plan, sharers)

    enough = next(free for free in range(0, 10**7, 10**4) if heads(free, 1) == 8)
    assert heads(enough, 4) == 2


# What is shown


def test_each_record_is_read_once(planned, monkeypatch):
    plan, read, find = planned(), [], runs.find
    sweep.work(plan, plan.members[:1], 1, progress=silent, note=print)  # done before: not awaited
    arrivals = Arrivals(plan, plan.members)
    assert arrivals.take() == []
    sweep.work(plan, plan.members[1:4], 3, progress=silent, note=print)
    monkeypatch.setattr(runs, "find", lambda *where: read.append(where) or find(*where))
    assert {record.run_id for record in arrivals.take()} == {member.run_id for member in plan.members[1:4]}
    assert arrivals.take() == []
    assert len(read) == 3


def test_a_run_that_failed_before_is_awaited_again(planned):
    plan = planned()
    member = plan.members[0]
    record = settled(plan, member)
    for status, over in (("failed", True), ("interrupted", False)):
        runs.save(plan.results, replace(record, status=status, error="no luck"), force=True)
        arrivals = Arrivals(plan, [member])
        assert arrivals.take() == []
        runs.save(plan.results, replace(record, status=status, error="again"), force=True)
        assert bool(arrivals.take()) is over


def settled(plan, member):
    """The record of a run that is done now."""
    sweep.work(plan, [member], 1, progress=silent, note=print)
    return plan.record(member)


def test_the_bar_shows_what_is_over_and_the_best(planned, spread):
    elsewhere, shown = planned(results="elsewhere"), []
    records = [settled(elsewhere, member) for member in elsewhere.members[:2]]
    best = max(records, key=lambda record: record.selected["best_top1"]["valid"]["top1"])

    class Bar:
        def advance(self, n, note=""):
            shown.append((n, note))

    @contextmanager
    def progress(total, unit, description):
        shown.append((total, unit, description))
        yield Bar()

    results = elsewhere.results.with_name("results")
    spread(f"import shutil\nshutil.copytree({str(elsewhere.results)!r}, {str(results)!r})", ["1/1"], progress=progress)
    assert shown[0] == (12, "run", "sweep, 1 workers")
    assert sum(n for n, _ in shown[1:]) == 2
    top1 = best.selected["best_top1"]["valid"]["top1"]
    assert shown[-1][1] == f"best validation top-1 {top1:.2%}, {best.run_id}"
