"""The examples in README.md, CONTRIBUTING.md and docs/ do what the pages say."""

import doctest
import re
from pathlib import Path

import pytest
import torch

from tests import test_losses as contract
from topkbench import losses, train

ROOT = Path(__file__).parent.parent


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.fixture
def example(tmp_path: Path) -> str:
    (code,) = python_blocks("CONTRIBUTING.md")
    path = tmp_path / "my_loss.py"
    path.write_text(code)
    return str(path)


def test_its_doctest(example):
    loss = losses.find(example)
    names = {"torch": torch, "Loss": loss}
    test = doctest.DocTestParser().get_doctest(loss.__doc__ or "", names, "my_loss", example, 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_it_keeps_the_contract_of_every_method(example):
    contract.test_gradient(example)
    contract.test_float32_agrees_with_float64(example)
    contract.test_samples_are_independent(example)
    contract.test_class_permutation(example)
    contract.test_stacked_heads(example)
    contract.test_nan_is_not_hidden_and_stays_in_its_row(example)
    for dtype in (torch.float16, torch.bfloat16):
        contract.test_half_precision_scores(example, dtype)
    for scale in (1e-4, 1.0, 1e4):
        contract.test_finite_at_every_scale(example, scale)


def test_it_trains(example, blobs, tmp_path):
    record = train.train(blobs, tmp_path, example, {"floor": 0.2, "nloglr": 2.0}).record
    assert record.config["method"] == "my_loss"
    assert record.config["floor"] == 0.2
    assert record.selected["last"]["test"]["top1"] > 0.9


def test_the_readmes_library_examples_run():
    names: dict[str, object] = {}
    for code in python_blocks("README.md"):  # each goes on from the last
        exec(code, names)  # our own page
    ranks = names["ranks"]
    assert isinstance(ranks, torch.Tensor)
    assert ranks.shape == (4, 3)


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_the_guides_examples_run_each_alone(page):
    blocks = python_blocks(f"docs/{page}")
    assert blocks
    for code in blocks:
        torch.manual_seed(0)
        exec(code, {})  # our own page; what it claims it asserts
