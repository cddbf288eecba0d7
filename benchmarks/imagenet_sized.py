"""How long a run of ImageNet-1K's size takes: 1.28 million rows of 2048 float16, made on the device, 20 epochs.

    python benchmarks/imagenet_sized.py --device cuda
    python benchmarks/imagenet_sized.py --device cuda --method softmax_cross_entropy bitonic softsort --cuda-graph off
    python benchmarks/imagenet_sized.py --rows 20000 --epochs 1 --threads 2

As in `topkbench train` the validation rows are looked at every 100 steps, the test rows where a best is beaten. The
goal on a GPU is 60 s; the share of the evaluations says what bounds it.

Legend: N rows, B batch, D embedding.
"""

import argparse
import time
from dataclasses import replace

import torch

from topkbench import protocol, settings
from topkbench.batches import Rows
from topkbench.passes import Pass
from topkbench.problem import Problem
from topkbench.progress import silent
from topkbench.settings import Settings
from topkbench.stack import Splits, Stack

DIM, CLASSES, TEST_ROWS = 2048, 1000, 50_000


class Made:
    """Random rows on a device."""

    waits = False

    def __init__(self, rows: int, device: torch.device) -> None:
        self.home = device
        self._rows_ND = torch.randn(rows, DIM, device=device).half()

    def take(self, index_B: torch.Tensor) -> torch.Tensor:
        """The rows of an index."""
        return self._rows_ND.index_select(0, index_B)


def splits(rows: int, valid_size: int, device: torch.device) -> Splits:
    """Training, validation and test rows, of random classes."""
    test_rows = min(TEST_ROWS, rows)
    train, test = Made(rows, device), Made(test_rows, device)
    label_N = torch.randint(CLASSES, (rows,), device=device)
    generator = protocol.stream(0)
    valid_index, train_index = protocol.split(rows, valid_size, generator)
    return Splits(
        Rows(train, label_N, train_index, torch.float32),
        Rows(train, label_N, valid_index, torch.float32),
        Rows(test, torch.randint(CLASSES, (test_rows,), device=device), torch.arange(test_rows), torch.float32),
    )


def resolved(method: str, arguments: argparse.Namespace) -> Settings:
    """The papers' settings for ImageNet-1K."""
    facts = {
        "n_train": arguments.rows,
        "n_classes": CLASSES,
        "dim": DIM,
        "class_rows": [arguments.rows // CLASSES] * CLASSES,
    }
    found = settings.resolve(method, {"n_epochs": arguments.epochs, "precision": arguments.precision}, facts)
    placed = replace(found.protocol, device=arguments.device, residency="device", cuda_graph=arguments.cuda_graph)
    return replace(found, protocol=placed)


def seconds(method: str, arguments: argparse.Namespace) -> tuple[float, float]:
    """Of the whole run, and of its evaluations."""
    device = torch.device(arguments.device)
    member = resolved(method, arguments)
    found = splits(arguments.rows, member.protocol.valid_size, device)
    stack = Stack([member], found, [DIM, CLASSES], protocol.stream(0), device, Problem())
    evaluating = [0.0]
    evaluate = stack.evaluate

    def timed(epoch: int, step: int) -> None:
        wait(device)
        began = time.perf_counter()
        evaluate(epoch, step)
        wait(device)
        evaluating[0] += time.perf_counter() - began

    stack.evaluate = timed  # type: ignore[method-assign]
    wait(device)
    began = time.perf_counter()
    Pass([[stack]]).train(silent)
    wait(device)
    return time.perf_counter() - began, evaluating[0]


def wait(device: torch.device) -> None:
    """For what was launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", nargs="+", default=["softmax_cross_entropy", "splitter_selection"])
    parser.add_argument("--rows", type=int, default=1_281_167)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["highest", "high", "bf16"], default="highest")
    parser.add_argument("--cuda-graph", choices=["auto", "off"], default="auto")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| method | rows | epochs | seconds | of which evaluations |\n|---|---|---|---|---|")
    for method in arguments.method:
        whole, evaluations = seconds(method, arguments)
        print(f"| {method} | {arguments.rows:,} | {arguments.epochs} | {whole:.1f} | {evaluations:.1f} |", flush=True)


if __name__ == "__main__":
    main()
