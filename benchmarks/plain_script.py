"""The field's usual script, which `end_to_end.py` compares with: everything in memory, one loss, nothing kept.

    python benchmarks/plain_script.py dump.pt

It loads the whole dump, copies the splits out by boolean masks, and trains a linear head with plain Adam and difftopk's
bitonic__non_sparse for one epoch; validation and test rows are both scored every 100 steps, after the first and last.
"""

import sys

import torch
from difftopk import TopKCrossEntropyLoss

SEED, VALID, BATCH, EVERY = 0, 10_000, 500, 100


def accuracy(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Top-1 and top-5."""
    with torch.no_grad():
        hit = torch.cat(
            [model(x[i : i + BATCH]).topk(5).indices == y[i : i + BATCH, None] for i in range(0, len(x), BATCH)]
        )
    return [float(hit[:, :k].any(1).float().mean()) for k in (1, 5)]


def main() -> None:
    """Train one epoch."""
    dump = torch.load(sys.argv[1])
    x, y = dump["train_embeddings"], dump["train_labels"]
    torch.manual_seed(SEED)
    is_valid = torch.zeros(len(x), dtype=torch.bool)
    is_valid[torch.randperm(len(x))[:VALID]] = True
    train_x, train_y, valid_x, valid_y = x[~is_valid], y[~is_valid], x[is_valid], y[is_valid]
    test_x, test_y = dump["test_embeddings"], dump["test_labels"]
    classes = int(y.max()) + 1
    model = torch.nn.Linear(x.shape[1], classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=10**-4.5)
    loss_fn = TopKCrossEntropyLoss(
        "bitonic__non_sparse", 1.0, [0.2] * 5, n=classes, m=16, distribution="logistic_phi", art_lambda=0.5
    )
    order = torch.randperm(len(train_x))
    steps = len(order) // BATCH
    for step in range(steps):
        rows = order[step * BATCH : (step + 1) * BATCH]
        optimizer.zero_grad()
        loss = loss_fn(model(train_x[rows]), train_y[rows])
        loss.backward()
        optimizer.step()
        if step == 0 or (step + 1) % EVERY == 0 or step + 1 == steps:
            print(step + 1, float(loss), accuracy(model, valid_x, valid_y), accuracy(model, test_x, test_y))


if __name__ == "__main__":
    main()
