"""Our use of torch's functional optimizers against its classes."""

import subprocess
import sys
from functools import partial
from itertools import chain

import pytest
import torch

from topkbench.optimizer import SGD, Adam, scheduled

ALIKE = [
    (Adam, partial(torch.optim.Adam)),
    (partial(Adam, weight_decays=[0.1, 0.1]), partial(torch.optim.Adam, weight_decay=0.1)),
    (SGD, partial(torch.optim.SGD)),
    (partial(SGD, momentum=0.9, weight_decays=[0.1, 0.1]), partial(torch.optim.SGD, momentum=0.9, weight_decay=0.1)),
    (partial(SGD, momentum=0.5, nesterov=True), partial(torch.optim.SGD, momentum=0.5, nesterov=True)),
]


@pytest.mark.parametrize(("ours", "theirs"), ALIKE)
def test_every_group_is_updated_as_by_torchs_own_class(ours, theirs):
    generator = torch.Generator().manual_seed(0)
    rates = [0.1, 0.003]
    own = [[torch.randn(4, 3, generator=generator, dtype=torch.float64), torch.zeros(4).double()] for _ in rates]
    other = [[p.clone().requires_grad_() for p in group] for group in own]
    optimizer = ours(own, rates)
    reference = theirs([{"params": g, "lr": rate} for g, rate in zip(other, rates, strict=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.MultiStepLR(reference, [7, 15])
    for step in range(20):
        for p, q in zip(chain(*own), chain(*other), strict=True):
            p.grad = q.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        optimizer.step(scheduled(step, (7, 15)))
        reference.step()
        schedule.step()
    for p, q in zip(chain(*own), chain(*other), strict=True):
        torch.testing.assert_close(p, q.detach(), rtol=0, atol=1e-12)


def test_training_imports_no_compiler(blobs, tmp_path):
    """It takes longer than many a small run."""
    code = (
        "import sys; from pathlib import Path; from topkbench import train\n"
        f"train.train(Path({str(blobs)!r}), Path({str(tmp_path)!r}), 'bitonic', dict(n_epochs=1, nloglr=2.0))\n"
        "sys.exit(' '.join(name for name in ('torch._dynamo', 'sympy') if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
