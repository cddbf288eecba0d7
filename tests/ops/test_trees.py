"""Trees: node by node in float64, and torch_prototypes' values."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from topkbench.ops import trees

CHAIN = [1, 2, 3, 4, 4]  # a leaf, 0, four edges below the root, 4
STAR = [3, 3, 3, 3]
ALONE = [0]


def random_tree(leaves: int, inner: int, seed: int = 0) -> list[int]:
    """Leaves 0..leaves − 1, of any depth, then the inner nodes in any order, the root among them."""
    rng = np.random.default_rng(seed)
    order = leaves + rng.permutation(inner)  # each below an earlier one
    parents = np.zeros(leaves + inner, dtype=int)
    parents[order[0]] = order[0]
    for at in range(1, inner):
        parents[order[at]] = order[rng.integers(max(0, at - 3), at)]
    childless = [node for node in order if node not in parents[order[1:]]]
    parents[:leaves] = [*childless, *rng.choice(order, leaves - len(childless))]
    return parents.tolist()


TREES = [CHAIN, STAR, [*STAR[:3], 4, 4], random_tree(12, 6), random_tree(30, 14, 1), random_tree(9, 5, 2)]
by_tree = pytest.mark.parametrize("parents", TREES, ids=range(len(TREES)))


def path(node: int, parents: list[int]) -> list[int]:
    """The node and its ancestors, the root last."""
    return [node] if parents[node] == node else [node, *path(parents[node], parents)]


def plain_node_log_probabilities(logits: torch.Tensor, parents: list[int]) -> torch.Tensor:
    nodes = range(len(parents))
    conditional = {}
    for node in nodes:
        siblings = [n for n in nodes if parents[n] == parents[node] and parents[n] != n]
        conditional[node] = logits[..., node] - logits[..., siblings].logsumexp(-1) if parents[node] != node else None
    root = torch.zeros_like(logits[..., 0])
    return torch.stack([sum([conditional[n] for n in path(node, parents)[:-1]], root) for node in nodes], -1)


def plain_logsumexp_below(scores: torch.Tensor, parents: list[int]) -> torch.Tensor:
    leaves = range(scores.shape[-1])
    below = [[leaf for leaf in leaves if node in path(leaf, parents)] for node in range(len(parents))]
    return torch.stack([scores[..., each].logsumexp(-1) for each in below], -1)


def leaves_of(parents: list[int]) -> int:
    return len(set(range(len(parents))) - {p for n, p in enumerate(parents) if p != n})


def random_logits(batch: int, columns: int, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(batch, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(columns))


FUNCTIONS: list[tuple[Callable, Callable, Callable]] = [
    (trees.node_log_probabilities, plain_node_log_probabilities, len),
    (trees.logsumexp_below, plain_logsumexp_below, leaves_of),
]
by_function = pytest.mark.parametrize(("function", "plain", "columns"), FUNCTIONS, ids=["nodes", "leaves"])


def test_node_log_probabilities_agree_with_torch_prototypes():
    with np.load(Path(__file__).parents[1] / "golden" / "prototypes_public.npz") as arrays:
        for case in range(len(json.loads(str(arrays["meta"])))):
            logits, parents, expected = (
                torch.from_numpy(arrays[f"hier_{name}{case}"]) for name in ("in", "parent", "out")
            )
            ours = trees.node_log_probabilities(logits, parents)
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)
            exact = plain_node_log_probabilities(logits.double(), parents.tolist())
            ours = trees.node_log_probabilities(logits.double(), parents)
            torch.testing.assert_close(ours, exact, rtol=1e-6, atol=1e-12)


@by_tree
@by_function
def test_is_what_it_says_node_by_node(function, plain, columns, parents):
    logits = random_logits(3, columns(parents)).requires_grad_()
    ours, expected = function(logits, torch.tensor(parents)), plain(logits, parents)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    weights = random_logits(3, len(parents))
    gradients = [torch.autograd.grad((each * weights).sum(), logits)[0] for each in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


@by_function
def test_gradients(function, plain, columns):
    logits = random_logits(2, columns(TREES[3])).requires_grad_()
    parents = torch.tensor(TREES[3])
    assert torch.autograd.gradcheck(lambda x: function(x, parents), logits)
    assert torch.autograd.gradgradcheck(lambda x: function(x, parents), logits)


@by_tree
def test_probabilities_of_the_leaves_sum_to_1_and_of_children_to_their_parents(parents):
    p = trees.node_log_probabilities(random_logits(4, len(parents)), torch.tensor(parents)).exp()
    torch.testing.assert_close(p[:, : leaves_of(parents)].sum(-1), torch.ones(4, dtype=torch.float64))
    for node in set(parents):
        children = [n for n, parent in enumerate(parents) if parent == node != n]
        torch.testing.assert_close(p[:, children].sum(-1), p[:, node])


@by_function
def test_a_tree_of_one_node(function, plain, columns):
    logits = torch.tensor([[3.0]])
    expected = 0.0 if function is trees.node_log_probabilities else 3.0
    assert function(logits, torch.tensor(ALONE)).tolist() == [[expected]]


@by_tree
def test_paths_and_depths(parents):
    chains = [path(node, parents) for node in range(len(parents))]
    longest = max(map(len, chains))
    expected = [chain + [chain[-1]] * (longest - len(chain)) for chain in chains]
    assert trees.paths(torch.tensor(parents)).tolist() == expected
    assert trees.depths(torch.tensor(parents)).tolist() == [len(chain) - 1 for chain in chains]


@by_function
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e2, 1e4])
def test_float32_agrees_with_float64_at_every_scale(function, plain, columns, scale):
    parents = TREES[4]
    logits, weights = random_logits(8, columns(parents), scale).float(), random_logits(8, len(parents))
    results = []
    for dtype in (torch.float64, torch.float32):
        own = logits.to(dtype).requires_grad_()
        values = function(own, torch.tensor(parents))
        (values * weights.to(dtype)).sum().backward()
        results.append((values.detach().double(), own.grad.double()))
    (expected, expected_gradient), (values, gradient) = results
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-6 * (1 + expected.abs().max().item()))
    torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-4)


@by_function
def test_infinite_and_half_precision_scores(function, plain, columns):
    parents = TREES[3]
    logits = random_logits(3, columns(parents)).float()
    logits[0, :4], logits[1, 2:5] = -torch.inf, torch.inf
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        own = logits.to(dtype).requires_grad_()
        values = function(own, torch.tensor(parents))
        values[2].sum().backward()
        assert values.dtype == torch.float32
        assert values.isfinite().all()
        assert own.grad.isfinite().all()
        torch.testing.assert_close(values[2], function(own[2].float(), torch.tensor(parents)))


@by_function
def test_nan_is_not_hidden_and_stays_in_its_row(function, plain, columns):
    logits = random_logits(3, columns(TREES[3]))
    logits[1, 0] = torch.nan
    values = function(logits, torch.tensor(TREES[3]))
    assert values.isnan().any(-1).tolist() == [False, True, False]
    assert values[1, 0].isnan()


@by_function
def test_leading_axes_and_any_integers(function, plain, columns):
    parents = torch.tensor(TREES[3])
    logits = random_logits(6, columns(TREES[3]))
    together = function(logits.view(2, 3, -1), parents.int())
    torch.testing.assert_close(together.view(6, -1), function(logits, parents))
    torch.testing.assert_close(together[0, 1], function(logits[1], parents))
    assert function(logits[:0], parents).shape == (0, len(parents))


class _Count(TorchDispatchMode):
    """How many operations are done, and whether one of them waits for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.append(str(function))
        return function(*args, **(kwargs or {}))


@by_function
def test_a_large_tree_takes_few_operations_and_no_wait(function, plain, columns):
    """10,450 leaves under 21 levels: hundreds of operations, not one or more a group; nothing is read back."""
    inner = [*range(10_451, 10_470), 10_470, 10_470]  # a chain of 20, a branch beside it, and the leaves all over it
    parents = torch.tensor([10_450 + leaf % 21 for leaf in range(10_450)] + inner)
    logits = torch.zeros(2, columns(parents.tolist()), requires_grad=True)
    function(logits, parents)  # what is kept is made now
    with _Count() as count:
        function(logits, parents).sum().backward()
    assert len(count.seen) < 700
    assert not [name for name in count.seen if "_local_scalar_dense" in name or "nonzero" in name or "_to_copy" in name]


@by_function
def test_the_tree_is_worked_out_once_and_serves_after_inference_mode(function, plain, columns, monkeypatch):
    parents = torch.tensor(TREES[5])
    logits = random_logits(2, columns(TREES[5])).requires_grad_()
    with torch.inference_mode():
        function(logits, parents)
    monkeypatch.setattr(trees, "_checked", lambda _: pytest.fail("it was worked out again"))
    function(logits, parents).sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("parents", "error", "message"),
    [
        (torch.tensor([0.0, 0.0]), TypeError, "parents are torch.float32; give node indices as integers"),
        (torch.tensor([[0, 0]]), ValueError, r"parents \[1, 2\] must be one node index each"),
        (torch.tensor([], dtype=torch.long), ValueError, r"parents \[0\] must be"),
        (torch.tensor([2, 0]), ValueError, "one node index each, 0..1"),
        (torch.tensor([0, -1]), ValueError, "one node index each, 0..1"),
        (torch.tensor([0, 1]), ValueError, "2 roots"),
        (torch.tensor([1, 0]), ValueError, "0 roots"),
        (torch.tensor([0, 2, 3, 1, 0]), ValueError, "in a circle above node 1"),
    ],
)
def test_refuses_what_is_no_tree(parents, error, message):
    for function in (trees.node_log_probabilities, trees.logsumexp_below):
        with pytest.raises(error, match=message):
            function(torch.zeros(1, 2), parents)


def test_refuses_scores_that_do_not_fit():
    parents = torch.tensor([3, 3, 4, 4, 4])
    with pytest.raises(ValueError, match=r"logits \[2, 4\] need 5 columns"):
        trees.node_log_probabilities(torch.zeros(2, 4), parents)
    with pytest.raises(ValueError, match=r"there are 4 scores, but the leaves of the tree are the nodes 0..2"):
        trees.logsumexp_below(torch.zeros(2, 4), parents)
    with pytest.raises(ValueError, match="there are 2 scores, but the leaves of the tree are not its first nodes"):
        trees.logsumexp_below(torch.zeros(1, 2), torch.tensor([0, 0, 0]))
    with pytest.raises(TypeError, match="floating point"):
        trees.node_log_probabilities(torch.zeros(2, 5, dtype=torch.long), parents)
