"""A sweep's workers as one job array, through submitit: queued again when their time is up or they are preempted.

Everything about an array lies in its log folder: what was submitted, what each worker wrote, how it ended.
"""

import contextlib
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from topkbench.errors import UsageError
from topkbench.sweep.executors import logs as log_folders
from topkbench.sweep.executors.resources import Resources
from topkbench.sweep.executors.waiting import Cluster, exit_codes
from topkbench.sweep.executors.worker import Worker

if TYPE_CHECKING:
    from submitit import AutoExecutor


class Submission(NamedTuple):
    """An array of workers, submitted.

    Attributes:
        job_id: What squeue and scancel call it; of local workers, one process id each.
        logs: The folder of all that it writes.
        codes: The workers' exit codes, in order; None for one that left none, since it was cancelled, say, or out of
            requeues. None altogether where nobody waited. `exit_codes.worst` folds them.
    """

    job_id: str
    logs: Path
    codes: tuple[int | None, ...] | None


def submit(
    command: Sequence[str],
    shares: int,
    logs: Path,
    resources: Resources = Resources(),
    *,
    cluster: Cluster = "slurm",
    wait: bool = False,
) -> Submission:
    """Start one worker a share: the command and `--share I/N`.

    Args:
        command: The argument vector of a worker, without its share.
        shares: How many workers.
        logs: A folder that the nodes share; see `logs.folder`.
        resources: What each worker asks for; by default `Resources()`. Only SLURM heeds more than their time and GPUs.
        cluster: Where they run. `debug` runs them one after the other, so it has to wait.
        wait: Return when all are done, however often they are queued again.

    Raises:
        UsageError: submitit or SLURM is missing, the log folder's path confuses SLURM, or SLURM refuses the array.
        DataError: the log folder cannot be made.
    """
    if shares < 1:
        raise UsageError(f"shares is {shares}; give 1 or more")
    if cluster == "debug" and not wait:
        raise UsageError("cluster 'debug' runs its workers while it is waited for; wait for it, or choose 'local'")
    executor = _executor(logs, shares, resources, cluster)
    workers = [Worker([*command, "--share", f"{share}/{shares}"]) for share in range(1, shares + 1)]
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # submitit prints there what its error says too
            jobs = executor.submit_array(workers)
    except (RuntimeError, OSError) as error:  # submitit's own errors are RuntimeErrors
        raise UsageError(f"{cluster} refused the workers: {_first_line(error)}; mend what it names") from error
    job_id = ",".join(dict.fromkeys(job.job_id.split("_")[0] for job in jobs))
    return Submission(job_id, executor.folder, exit_codes(jobs, cluster) if wait else None)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _submitit() -> ModuleType:
    try:
        import submitit  # noqa: PLC0415 - an extra, which only arrays need
    except ModuleNotFoundError as error:
        raise UsageError("submitit is not installed; run: pip install 'topkbench[slurm]'") from error
    return submitit


def _executor(logs: Path, shares: int, resources: Resources, cluster: Cluster) -> "AutoExecutor":
    """One of submitit's executors, told of what the workers need."""
    if cluster == "slurm" and not shutil.which("sbatch"):
        cure = "log in where it is, or write a script to submit there"
        raise UsageError(f"SLURM is not on this machine: no 'sbatch' on the PATH; {cure}")
    submitit = _submitit()
    again = {f"{name}_max_num_timeout": resources.requeues for name in ("slurm", "local")}
    executor: AutoExecutor = submitit.AutoExecutor(folder=log_folders.made_for_slurm(logs), cluster=cluster, **again)
    executor.update_parameters(
        name="topkbench",
        timeout_min=resources.minutes,
        local_gpus_per_node=resources.gpus,
        slurm_signal_delay_s=resources.notice,
        slurm_array_parallelism=resources.at_once or shares,
        # srun does not take it from sbatch since SLURM 22.05
        slurm_srun_args=[f"--cpus-per-task={resources.cpus}"],
        slurm_additional_parameters={name: value or True for name, value in resources.options().items()},
    )
    return executor
