"""Our use of Adam's functional form against the class itself."""

import subprocess
import sys
from itertools import chain

import torch

from topkbench.optimizer import Adam


def test_every_group_is_updated_as_by_torchs_own_class():
    generator = torch.Generator().manual_seed(0)
    rates = [0.1, 0.003]
    ours = [[torch.randn(4, 3, generator=generator, dtype=torch.float64), torch.zeros(4).double()] for _ in rates]
    theirs = [[p.clone().requires_grad_() for p in group] for group in ours]
    optimizer = Adam(ours, rates)
    reference = torch.optim.Adam([{"params": g, "lr": rate} for g, rate in zip(theirs, rates, strict=True)])
    for _ in range(20):
        for own, other in zip(chain(*ours), chain(*theirs), strict=True):
            own.grad = other.grad = torch.randn(own.shape, generator=generator, dtype=torch.float64)
        optimizer.step()
        reference.step()
    for own, other in zip(chain(*ours), chain(*theirs), strict=True):
        torch.testing.assert_close(own, other.detach(), rtol=0, atol=1e-12)


def test_training_imports_no_compiler(blobs, tmp_path):
    """It takes longer than many a small run."""
    code = (
        "import sys; from pathlib import Path; from topkbench import train\n"
        f"train.train(Path({str(blobs)!r}), Path({str(tmp_path)!r}), 'bitonic', dict(n_epochs=1, nloglr=2.0))\n"
        "sys.exit(' '.join(name for name in ('torch._dynamo', 'sympy') if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
