"""What the workers on one machine have in common: its GPUs, its processors, its memory."""

import os
from collections.abc import Mapping

import torch

from topkbench.sweep.plan import Plan


def default_workers(plan: Plan) -> int:
    """One a GPU, or one."""
    return max(1, _gpus(plan))


def sharers(plan: Plan, workers: int) -> int:
    """How many workers have their heads in one memory: those of one GPU, or all."""
    return -(-workers // (_gpus(plan) or 1))


def residency(plan: Plan, workers: int) -> str | None:
    """Where several workers had better hold the embeddings, or None where that is well as it is.

    Each would load embeddings of its own. Those of a memory map they share: the system keeps a file's pages once.
    What the specification or the user says of it stands.
    """
    is_chosen = any(not member.settings.origin["residency"].startswith("defaults/") for member in plan.members)
    held = {member.settings.protocol.residency for member in plan.members}
    is_shared = (workers > 1 and "ram" in held) or (sharers(plan, workers) > 1 and "device" in held)
    return "mmap" if is_shared and not is_chosen else None


def environment(plan: Plan, at: int, workers: int) -> Mapping[str, str]:
    """What worker 0..workers-1 is told of its part of the machine: a GPU, or so many threads."""
    gpus = _gpus(plan)
    return {"CUDA_VISIBLE_DEVICES": _gpu(at, gpus)} if gpus else {"OMP_NUM_THREADS": _threads(workers)}


def _gpus(plan: Plan) -> int:
    on_gpu = any(member.settings.protocol.device == "cuda" for member in plan.members)
    return torch.cuda.device_count() if on_gpu else 0


def _gpu(at: int, gpus: int) -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(gpus)))).split(",")
    return visible[at % len(visible)]


def _threads(workers: int) -> str:
    """Of each worker: more than there are processors would wait for each other."""
    return os.environ.get("OMP_NUM_THREADS") or str(max(1, torch.get_num_threads() // workers))
