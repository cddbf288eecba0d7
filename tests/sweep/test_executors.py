"""Workers beyond this machine, with a fake worker in the place of a sweep's."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.report import conftest
from topkbench import report, runs
from topkbench.errors import DataError, UsageError
from topkbench.sweep.executors import logs, script, slurm, waiting, worker
from topkbench.sweep.executors.exit_codes import worst
from topkbench.sweep.executors.resources import Resources, extra_options
from topkbench.sweep.executors.worker import Worker

record = conftest.run

PRELUDE = """
import os, pathlib, signal, subprocess, sys, time
folder, share = pathlib.Path(sys.argv[1]), sys.argv[-1].replace("/", "-of-")
def add(name, line): (folder / name).open("a").write(f"{line}\\n")
"""
WRITES = 'add(share, " ".join(sys.argv[2:]))'
SECOND_FAILS = WRITES + '; sys.exit(3 if share.startswith("2") else 0)'
ENDED = WRITES + "; os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"
# SLURM warns every process of a job; the first time this one dies of it, or of the job's end, unless it is deaf to it
PREEMPTED = """
add(share, os.getpid())
if len((folder / share).read_text().split()) == 1:
    add("left", subprocess.Popen(["sleep", "60"]).pid)
    os.kill(os.getpid(), signal.SIGUSR2)
    add("deaf", share)
    os.kill(os.getppid(), signal.SIGUSR2)
    time.sleep(60)
"""


def command(folder, code, *words):
    """A worker that runs the code, in which `share` is its share as part of a file name."""
    (folder / "worker.py").write_text(PRELUDE + code)
    return [sys.executable, str(folder / "worker.py"), str(folder), *words]


def lines(path):
    return path.read_text().splitlines()


def is_running(pid):
    """Whether a process is more than a zombie, which an orphan stays where nobody reaps it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No slow disk here, and nothing to wait long for."""
    monkeypatch.setattr(waiting, "_POLL", 0.1)
    monkeypatch.setattr(waiting, "_SLOW_DISK", 0.0)


@pytest.fixture
def submit(tmp_path):
    """Submit fake workers and wait for them."""
    pytest.importorskip("submitit", reason="submitit is not installed; pip install 'topkbench[slurm]'")

    def run(code, shares, cluster="local", **options):
        return slurm.submit(command(tmp_path, code), shares, tmp_path / "logs", cluster=cluster, wait=True, **options)

    return run


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Put fake commands of SLURM on the PATH; each notes its arguments in tmp_path/NAME."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def add(name, body):
        tool = folder / name
        tool.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >>{tmp_path / name}\n{body}\n')
        tool.chmod(0o755)

    return add


# Through submitit


@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_every_share_has_a_worker(submit, tmp_path, cluster):
    assert submit(WRITES, 3, cluster).codes == (0, 0, 0)
    for share in (1, 2, 3):
        assert lines(tmp_path / f"{share}-of-3") == [f"--share {share}/3"]


@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_exit_codes_come_back_in_order(submit, cluster):
    assert submit(SECOND_FAILS, 3, cluster).codes == (0, 3, 0)


def test_a_preempted_worker_is_ended_with_what_it_started_and_goes_on(submit, tmp_path):
    assert submit(PREEMPTED, 2).codes == (0, 0)
    pids = [pid for share in ("1-of-2", "2-of-2") for pid in lines(tmp_path / share)]
    assert len(set(pids)) == 4
    assert sorted(lines(tmp_path / "deaf")) == ["1-of-2", "2-of-2"]
    assert not any(map(is_running, [*pids, *lines(tmp_path / "left")]))


def test_out_of_requeues(submit, tmp_path):
    assert submit(PREEMPTED, 1, resources=Resources(requeues=0, minutes=2)).codes == (None,)
    assert len(lines(tmp_path / "1-of-1")) == 1


@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_a_worker_ended_from_outside_leaves_no_code(submit, tmp_path, cluster):
    assert submit(ENDED, 2, cluster).codes == (None, None)
    assert (tmp_path / "2-of-2").exists()


def test_without_waiting_the_jobs_are_named_and_go_on(tmp_path):
    pytest.importorskip("submitit")
    sent = slurm.submit(command(tmp_path, "time.sleep(0.5);" + WRITES), 2, tmp_path / "logs", cluster="local")
    assert sent.codes is None
    assert len(sent.job_id.split(",")) == 2
    deadline = time.monotonic() + 60
    while not (tmp_path / "1-of-2").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (tmp_path / "1-of-2").exists()


def test_reports_see_no_logs(submit, tmp_path, record):
    results = tmp_path / "results"
    runs.save(results, record(dataset="_sweeps"))  # the one name of a data set that might be in the way
    home = logs.folder(results, "demo", "table")
    slurm.submit(command(tmp_path, WRITES), 1, home, cluster="local", wait=True)
    assert list(home.glob("*_submitted.pkl"))
    evidence = report.gather(results)
    assert (len(evidence.rows), evidence.notes) == (1, [])
    assert sorted(path.name for path in results.iterdir()) == ["_sweeps", "sweeps"]


# Through submitit to a fake SLURM


@pytest.fixture
def sbatch(tools, tmp_path):
    """A SLURM that takes everything, and runs nothing."""
    pytest.importorskip("submitit", reason="submitit is not installed; pip install 'topkbench[slurm]'")
    tools("srun", "")
    tools("squeue", "echo 7_0")  # another's job
    tools("sbatch", f'cp "$1" {tmp_path}/submitted; echo Submitted batch job 42')
    return tmp_path / "submitted"


def test_one_array_asks_for_what_was_asked(sbatch, tmp_path):
    asked = Resources(
        minutes=240, cpus=4, gpus=1, memory=1.5, partition="gpu", account="me", at_once=2, extra={"exclusive": ""}
    )
    sent = slurm.submit(["worker"], 3, tmp_path / "logs", asked)
    assert sent == ("42", tmp_path / "logs", None)
    text = lines(sbatch)
    for wanted in ("array=0-2%2", "time=240", "cpus-per-task=4", "gpus-per-node=1", "mem=1536M", "partition=gpu"):
        assert f"#SBATCH --{wanted}" in text
    for wanted in ("account=me", "signal=USR2@90", "requeue", "exclusive", "open-mode=append"):
        assert f"#SBATCH --{wanted}" in text
    assert any(line.startswith("srun ") and "--cpus-per-task=4" in line for line in text)
    assert len(list((tmp_path / "logs").glob("42_?_submitted.pkl"))) == 3


def test_jobs_that_left_the_queue_without_a_result_are_not_waited_for(sbatch, tmp_path):
    assert slurm.submit(["worker"], 2, tmp_path / "logs", wait=True).codes == (None, None)


def test_a_controller_that_does_not_answer_is_asked_again(sbatch, tools, tmp_path):
    tools("squeue", f"[ -e {tmp_path}/asked ] && exit 0; touch {tmp_path}/asked; echo unreachable >&2; exit 1")
    assert slurm.submit(["worker"], 2, tmp_path / "logs", wait=True).codes == (None, None)
    assert lines(tmp_path / "squeue").count("--me") == 2


def test_a_refusal_is_told_once(sbatch, tools, tmp_path, capfd):
    tools("sbatch", "echo sbatch: error: invalid partition >&2; echo sbatch: submission failed >&2; exit 1")
    with pytest.raises(UsageError, match="slurm refused the workers: sbatch: error: invalid partition; mend"):
        slurm.submit(["worker"], 2, tmp_path / "logs")
    assert capfd.readouterr() == ("", "")


def test_no_slurm(tools, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no 'sbatch' on the PATH; log in where it is, or write a script"):
        slurm.submit(["worker"], 2, tmp_path / "logs")


def test_no_submitit(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UsageError, match=r"submitit is not installed; run: pip install 'topkbench\[slurm\]'"):
        slurm.submit(["worker"], 2, tmp_path / "logs", cluster="local")


@pytest.mark.parametrize(
    ("shares", "cluster", "logs", "error"),
    [
        (0, "local", "logs", "shares is 0; give 1 or more"),
        (2, "debug", "logs", "cluster 'debug' runs its workers while it is waited for"),
        (2, "local", "lo%gs", "the log folder is .*lo%gs': line breaks"),
    ],
)
def test_what_cannot_be_submitted(tmp_path, shares, cluster, logs, error):
    pytest.importorskip("submitit")
    with pytest.raises(UsageError, match=error):
        slurm.submit(["worker"], shares, tmp_path / logs, cluster=cluster)


def test_a_log_folder_that_cannot_be_made(tmp_path):
    pytest.importorskip("submitit")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot make the log folder .*: Not a directory; choose another"):
        slurm.submit(["worker"], 1, tmp_path / "file" / "logs", cluster="local")


def test_logs_of_two_sweeps_lie_apart(tmp_path):
    specs = [("a", "a/b.toml"), ("a", "a-b.toml"), ("b", "a/b.toml"), ("a", "difftopk/tables2+3-1k")]
    assert len({logs.folder(tmp_path, *spec) for spec in specs}) == 4
    for outside in ("/a/b.toml", "../../a/b.toml", "./a/../b.toml"):
        assert tmp_path / "_sweeps" / "a" in logs.folder(tmp_path, "a", outside).parents
        assert ".." not in logs.folder(tmp_path, "a", outside).parts


# The worker alone


def test_a_killed_worker_has_a_shells_code():
    assert Worker([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])() == 137


def test_in_slurm_a_worker_ended_from_outside_waits_for_slurm_to_decide(tmp_path, monkeypatch):
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    monkeypatch.setattr(worker, "_PATIENCE", 0.5)
    started = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        Worker(command(tmp_path, "os.kill(os.getpid(), signal.SIGTERM)"))()
    assert ended.value.code == 143
    assert time.monotonic() - started >= 0.5


def test_a_worker_that_does_not_heed_sigterm_is_ended_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_GRACE", 0.3)
    stubborn = Worker(command(tmp_path, "signal.signal(15, signal.SIG_IGN); add('pid', os.getpid()); time.sleep(60)"))

    def checkpoint_and_exit(*_):  # as submitit does
        stubborn.checkpoint()
        sys.exit(-1)

    handler = signal.signal(signal.SIGALRM, checkpoint_and_exit)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(SystemExit):
            stubborn()
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert not is_running(lines(tmp_path / "pid")[0])


# What it asks for


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"minutes": 0}, "minutes is 0; give a whole number from 1 to 525,600"),
        ({"cpus": 1.5}, "cpus is 1.5; give a whole number from 1 to 4,096"),
        ({"gpus": -1}, "gpus is -1; give"),
        ({"memory": float("nan")}, "memory is nan; give a number from 0.001"),
        ({"notice": 29}, "notice is 29; give"),
        ({"minutes": 1, "notice": 60}, "notice of 60 s leaves nothing of a limit of 1 min; give less"),
        ({"requeues": -1}, "requeues is -1; give"),
        ({"at_once": 0}, "at_once is 0; give"),
        ({"partition": "a\n#SBATCH --uid=0"}, "partition is .*: line breaks, quotes"),
        ({"constraint": "a'b"}, "constraint is .*: line breaks, quotes"),
        ({"extra": {"comment": "a\r#SBATCH --uid=0"}}, "sbatch's 'comment' is .*: line breaks, quotes"),
        ({"extra": {"a b": "1"}}, "'a b' is no option of sbatch; give the long name"),
        ({"extra": {"a\n#SBATCH": ""}}, "is no option of sbatch"),
        ({"extra": {"signal": "B:TERM"}}, "sbatch's 'signal' is set by topkbench"),
        ({"extra": extra_options(["cpus_per_task=2"])}, "sbatch's 'cpus-per-task' is set by topkbench"),
    ],
)
def test_what_cannot_be_asked_for(fields, error):
    with pytest.raises(UsageError, match=error):
        Resources(**fields)


# The script


def written(tmp_path, words, shares=3, **fields):
    return script.write(tmp_path / "s.sh", words, shares, tmp_path / "logs", Resources(**fields), home=tmp_path)


def run_script(path, **environment):
    task = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_JOB_ID": "42", **environment}
    return subprocess.Popen([path], env=os.environ | task)


def test_the_script_is_valid_and_executable(tmp_path):
    path = written(tmp_path, ["worker"], partition="gpu", gpus=1, at_once=2, extra={"mail-type": "END,FAIL"})
    subprocess.run(["bash", "-n", path], check=True)
    assert path.stat().st_mode & stat.S_IXUSR
    assert (tmp_path / "logs").is_dir()
    text = lines(path)
    directives = [line.removeprefix("#SBATCH --") for line in text if line.startswith("#SBATCH")]
    assert {"array=1-3%2", "time=60", "signal=B:USR2@90", "partition=gpu", "requeue"} <= set(directives)
    assert {"mail-type=END,FAIL", f"chdir={tmp_path}", f"output={tmp_path}/logs/%A_%a.log"} <= {
        directive.replace("'", "") for directive in directives
    }
    first = next(i for i, line in enumerate(text) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in text[first:])  # where sbatch would not read it


def test_the_script_runs_its_tasks_share_and_words_arrive_as_they_are(tmp_path):
    words = ["a b", "$(touch pwned)", "it's", '"', "*", ";", "#SBATCH", "{}"]
    path = written(tmp_path, command(tmp_path, "add('words', sys.argv[2:]); sys.exit(3)", *words))
    assert run_script(path).wait(60) == 3
    assert lines(tmp_path / "words") == [str([*words, "--share", "2/3"])]


@pytest.mark.parametrize("word", ["a\n#SBATCH --uid=0", "a\r", "\x1b"])
def test_no_control_character_gets_into_the_script(tmp_path, word):
    with pytest.raises(UsageError, match="holds a line break or another control character"):
        written(tmp_path, ["worker", word])
    with pytest.raises(UsageError, match="the folder to run in is"):
        script.write(tmp_path / "s.sh", ["worker"], 1, tmp_path / "logs", home=tmp_path / word)
    with pytest.raises(UsageError, match="the log folder is"):
        script.write(tmp_path / "s.sh", ["worker"], 1, tmp_path / word, home=tmp_path)
    assert not (tmp_path / "s.sh").exists()


def test_a_script_for_nobody(tmp_path):
    with pytest.raises(UsageError, match="shares is 0"):
        written(tmp_path, ["worker"], shares=0)


LONG = "add('left', subprocess.Popen(['sleep', '60']).pid); add('left', os.getpid()); time.sleep(60)"


@pytest.mark.parametrize(("restarts", "code", "requeued"), [("9", 0, ["requeue", "42_2"]), ("10", 130, [])])
def test_the_script_ends_its_worker_when_the_time_is_up(tmp_path, tools, restarts, code, requeued):
    tools("scontrol", "")
    process = run_script(written(tmp_path, command(tmp_path, LONG), requeues=10), SLURM_RESTART_COUNT=restarts)
    left = tmp_path / "left"
    deadline = time.monotonic() + 30
    while not (left.exists() and len(lines(left)) == 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR2)
    assert process.wait(30) == code
    assert (lines(tmp_path / "scontrol") if requeued else []) == requeued
    assert (tmp_path / "scontrol").exists() == bool(requeued)
    while any(map(is_running, lines(left))):  # the script waits for its worker, not for what that has started
        assert time.monotonic() < deadline
        time.sleep(0.05)


# All of them


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 0], 0), ([0, 3, 0], 3), ([3, None], 130), ([3, 137], 130), ([130, 2, 3], 2), ([4, 1], 1)],
)
def test_the_worst_code_counts(codes, code):
    assert worst(codes) == code


def test_executors_import_nothing_that_draws_or_is_an_extra():
    code = "import sys, topkbench.sweep.executors.slurm as _, topkbench.sweep.executors.script as _; "
    code += "print({'typer', 'rich', 'submitit', 'matplotlib'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
