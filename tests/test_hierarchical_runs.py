"""Runs that know how far classes are apart: what they record, what they need, and heads of their own."""

import json

import numpy as np
import pytest
import torch

from topkbench import evaluation, heads, hierarchy, losses, runs, settings, train
from topkbench.errors import UsageError
from topkbench.heads import FeedForward
from topkbench.ops import prototypes
from topkbench.problem import Problem
from topkbench.progress import silent
from topkbench.store import create, open_store

QUICK = {"n_epochs": 1, "nloglr": 1.5, "batch_size": 50, "eval_every": 100}
OWN_HEADS = [name for name in losses.names() if losses.find(name).head != "linear"]


def facts(classes: int = 100) -> dict:
    return {"n_train": 50 * classes, "n_classes": classes, "dim": 16, "class_rows": [50] * classes}


def test_what_mistakes_cost_is_in_the_record(demo, tmp_path):
    outcome = train.train(demo, tmp_path, "softmax_cross_entropy", QUICK)
    record, store = outcome.record, open_store(demo)
    ranks = runs.load_ranks(outcome.folder)
    distances = hierarchy.of(store.n_classes, store.class_ids).distances
    labels = np.asarray(store.splits["test"].labels)
    for rule in ("best_top1", "last"):
        costs = record.selected[rule]["test_costs"]
        predicted = ranks[f"{rule}_prediction"]
        wrong = predicted != labels
        paid = distances[labels, predicted]
        assert costs["error_rate"] == pytest.approx(wrong.mean())
        assert costs["average_cost"] == pytest.approx(paid.mean())
        assert costs["mistake_cost"] == pytest.approx(paid[wrong].mean())
        assert costs["average_cost"] > costs["best_cost5"] > costs["best_cost10"] > costs["best_cost20"] > 0
        in_top_5 = ranks[rule] <= 5
        assert costs["best_cost5"] <= distances.max() * (~in_top_5).mean()
    evaluated = record.history[-1]
    assert evaluated["test_costs"] == record.selected["last"]["test_costs"]
    assert set(evaluated["valid_costs"]) == {"error_rate", "average_cost", "mistake_cost"}
    assert evaluated["valid_costs"]["error_rate"] == pytest.approx(1 - evaluated["valid"]["top1"], abs=1e-9)
    json.loads(record.to_json())


def test_costs_name_their_hierarchy_and_a_run_with_those_of_another_runs_anew(families, tmp_path):
    """The same rows three times: in families of five, at distances of a file's own, and without a hierarchy."""
    known = open_store(families)
    splits = {name: (split.embeddings, split.labels) for name, split in known.splits.items()}
    apart = np.abs(np.subtract.outer(np.arange(30), np.arange(30))) / 4
    paths = {name: tmp_path / name / "families.h5" for name in ("apart", "plain")}
    for name, distances in (("apart", apart), ("plain", None)):
        paths[name].parent.mkdir()
        create(paths[name], splits, distances=distances)
    notes = []

    def run(data):
        return train.train(data, tmp_path / "results", "softmax_cross_entropy", QUICK, note=notes.append)

    first, again = run(families), run(families)
    assert (first.was_done, again.was_done, notes) == (False, True, [])
    assert first.record.data["hierarchy"] == hierarchy.of(30, parents=known.parents).checksum
    other = run(paths["apart"])
    assert (other.was_done, other.record.run_id) == (False, first.record.run_id)
    assert notes == [f"{other.record.run_id} is done, but without the costs of the hierarchy that the data have now; "
                     "it runs anew"]  # fmt: skip
    assert other.record.data["hierarchy"] == hierarchy.of(30, distances=apart.astype(np.float32)).checksum
    predicted = runs.load_ranks(other.folder)["last_prediction"]
    paid = apart[np.asarray(known.splits["test"].labels), predicted]
    assert other.record.selected["last"]["test_costs"]["average_cost"] == pytest.approx(paid.mean())
    assert run(paths["plain"]).was_done  # what it says of costs is still true of the hierarchy that it names
    (tmp_path / "results" / "families" / other.record.run_id / "record.json").unlink()
    assert run(paths["plain"]).record.data["hierarchy"] is None
    assert not run(families).was_done  # a record without costs
    assert len(notes) == 2


def test_a_run_that_is_known_by_its_hierarchy_is_not_taken_for_one_of_another(families, tmp_path):
    """Its id says whose costs it has, also where the record is older than the hierarchy's name in it."""
    folder = train.train(families, tmp_path, "soft_labels", QUICK).folder
    written = json.loads((folder / "record.json").read_text())
    del written["data"]["hierarchy"]
    (folder / "record.json").write_text(json.dumps(written))
    assert train.train(families, tmp_path, "soft_labels", QUICK).was_done


def test_scores_that_tie_are_mistakes_and_cost_as_such():
    """Of three rows the first is right, the second ties with class 2, and of the third all scores are equal."""
    distances = torch.tensor([[0, 2, 4], [2, 0, 3], [4, 3, 0]])
    scores = torch.tensor([[[5.0, 0.0, 0.0], [0.0, 5.0, 5.0], [1.0, 1.0, 1.0]]])
    (found,) = evaluation.measure(iter([(scores, torch.tensor([0, 1, 0]))]), distances)
    assert found.accuracies["top1"] == 1 / 3
    assert found.costs["error_rate"] == 2 / 3
    assert found.predictions.tolist() == [0, 2, 1]
    assert found.costs["average_cost"] == 5 / 3
    assert found.costs["mistake_cost"] == 5 / 2


def test_without_a_hierarchy_there_are_no_costs_and_who_needs_one_is_refused(blobs, tmp_path):
    record = train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK).record
    assert "test_costs" not in record.selected["last"]
    assert "valid_costs" not in record.history[-1]
    for method in ("soft_labels", "metric_guided_prototypes", "hierarchical_inference"):
        with pytest.raises(
            UsageError, match=f"{method} needs .*give them a hierarchy with 'topkbench prepare --hierarchy"
        ):
            train.train(blobs, tmp_path, method, QUICK)


@pytest.mark.parametrize("judge", ["soft_labels", "emd", "hierarchical_cross_entropy"])
def test_what_the_judge_needs_its_method_needs(blobs, tmp_path, judge):
    """The hierarchy is part of what the run is, and data without one are refused before there is a folder for it."""
    judged = settings.resolve("deep_ncm", {"loss": judge}, facts())
    assert judged.identity("data", 100, "one") != judged.identity("data", 100, "other")
    alone = settings.resolve("deep_ncm", {}, facts())
    assert alone.identity("data", 100, "one") == alone.identity("data", 100, "other")
    assert losses.find("deep_ncm").needs == ()
    assert losses.load("hierarchical_inference", loss="soft_labels").needs == ("parents", "distances")
    with pytest.raises(UsageError, match=f"^loss = {judge} needs .*give them a hierarchy with 'topkbench prepare"):
        train.train(blobs, tmp_path, "deep_ncm", {**QUICK, "loss": judge})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize(
    ("method", "judge"),
    [("deep_ncm", "perturbed_topk"), ("fixed_prototypes", None), ("hyperspherical_prototypes", None)],
)
def test_runs_of_one_pass_that_draw_are_each_as_alone(families, method, judge, stacked):
    """Noise of the judge, and draws of the points: each run has those that it has alone."""
    store = open_store(families)
    base = {**QUICK, "device": "cpu", "residency": "ram", "precision": "float64", "embedding_dim": 8}
    chosen = [{**base, **({"loss": judge} if judge else {}), "nloglr": rate} for rate in (2.0, 1.5)]
    members = [settings.resolve(method, options, train.facts(store)) for options in chosen]
    together = train.build(store, members, stacked=stacked)
    together.train(silent)
    assert len(together.stacks) == (1 if stacked else 2)
    weights = [view for stack in together.stacks for view in stack.views]
    for at, member in enumerate(members):
        alone = train.build(store, [member])
        alone.train(silent)
        for own, single in zip(weights[at], alone.stacks[0].head.parameters(), strict=True):
            torch.testing.assert_close(own, single[0].detach(), rtol=0, atol=1e-9)
        assert together.runs[at].selection.selected() == alone.runs[0].selection.selected()


def test_noise_among_siblings(demo, blobs, tmp_path):
    with pytest.raises(UsageError, match=r"--noise siblings: these data have no class tree; .*prepare --hierarchy"):
        train.train(blobs, tmp_path, "softmax_cross_entropy", {**QUICK, "label_noise": 0.2, "noise": "siblings"})
    noisy = {**QUICK, "label_noise": 0.9, "noise": "siblings", "n_epochs": 2}
    assert train.train(demo, tmp_path, "softmax_cross_entropy", noisy).record.selected["last"]["test"]["top1"] < 0.4
    with pytest.raises(UsageError, match="--noise siblings has no effect"):
        settings.resolve("bitonic", {"noise": "siblings"}, facts())
    with pytest.raises(UsageError, match="--noise-block 3 has no effect"):
        settings.resolve("bitonic", {"noise": "siblings", "label_noise": 0.1, "noise_block": 3}, facts())


def test_the_hierarchy_counts_for_those_who_need_it_alone():
    plain, needy = (settings.resolve(method, {}, facts()) for method in ("softmax_cross_entropy", "soft_labels"))
    assert plain.identity("data", 100, "one") == plain.identity("data", 100, "other") == plain.identity("data", 100)
    assert needy.identity("data", 100, "one") != needy.identity("data", 100, "other")


@pytest.mark.parametrize("method", ["learnt_prototypes", "deep_ncm"])
def test_a_run_saves_the_points_that_its_last_ranks_come_from(blobs, tmp_path, method):
    store = open_store(blobs)
    member = settings.resolve(method, {**QUICK, "embedding_dim": 2, "device": "cpu"}, train.facts(store))
    alone = train.build(store, [member])
    alone.train(silent)
    outcome = train.train(blobs, tmp_path, method, {**QUICK, "embedding_dim": 2, "device": "cpu"})
    points = runs.load_prototypes(outcome.folder)
    assert (points.shape, points.dtype) == ((store.n_classes, 2), np.float32)
    rows = torch.from_numpy(np.array(store.splits["test"].embeddings))
    with torch.no_grad():
        embedded = alone.stacks[0].head.embedding(rows)[0].double().numpy()
    nearest = np.linalg.norm(embedded[:, None] - points, axis=-1).argmin(1)
    # rows between two prototypes may fall either way
    assert (nearest == runs.load_ranks(outcome.folder)["last_prediction"]).mean() > 0.99


def test_placed_prototypes_are_saved_and_heads_without_points_save_none(demo, blobs, tmp_path):
    outcome = train.train(demo, tmp_path, "hyperspherical_prototypes", {**QUICK, "embedding_dim": 3})
    np.testing.assert_allclose(np.linalg.norm(runs.load_prototypes(outcome.folder), axis=1), 1, rtol=1e-5)
    outcome = train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK)
    assert not (outcome.folder / "prototypes.npz").exists()


@pytest.mark.parametrize("stacked", [False, True])
def test_each_run_of_a_pass_has_its_own_points(blobs, stacked):
    store = open_store(blobs)

    def points(*rates: float) -> list[np.ndarray]:
        chosen = {**QUICK, "embedding_dim": 2, "device": "cpu", "precision": "float64"}
        members = [settings.resolve("learnt_prototypes", {**chosen, "nloglr": r}, train.facts(store)) for r in rates]
        together = train.build(store, members, stacked=stacked)
        assert all(run.prototypes is None for run in together.runs)  # before the last step there are none
        together.train(silent)
        return [run.prototypes for run in together.runs]

    first, second = points(1.5, 3.0)
    np.testing.assert_allclose(first, points(1.5)[0], atol=1e-6)
    np.testing.assert_allclose(second, points(3.0)[0], atol=1e-6)
    assert abs(first - second).max() > 0.1


@pytest.mark.parametrize("method", OWN_HEADS)
def test_every_head_trains(demo, tmp_path, method):
    """Each at the learning rate that it takes there by itself, as their spaces are of unlike sizes."""
    record = train.train(demo, tmp_path, method, {"n_epochs": 1, "eval_every": 100}).record
    losses_so_far = [entry["loss"] for entry in record.history]
    assert losses_so_far[-1] < losses_so_far[0]
    assert record.selected["last"]["test"]["top5"] > 0.05  # of 826 classes


def test_a_top_k_loss_judges_prototypes_and_is_recorded_under_them(demo, tmp_path):
    chosen = {"loss": "splitter_selection", "p_k": (0.5, 0.5), "m": 8, "embedding_dim": 32, **QUICK}
    record = train.train(demo, tmp_path, "learnt_prototypes", chosen).record
    assert record.config["loss"] == "splitter_selection"
    assert record.config["loss_options"]["p_k"] == (0.5, 0.5)
    assert (record.config["p_k"], record.config["loss_options"]["m"]) == ((0.5, 0.5), 8)
    assert record.origin["m"] == record.origin["loss"] == "user"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"m": 8}, "learnt_prototypes has no option 'm'"),  # the cross-entropy has no short-list
        ({"loss": "sofsort"}, "unknown method 'sofsort'"),
        ({"loss": "deep_ncm"}, "loss = deep_ncm makes scores of its own; give a loss with a linear head"),
        ({"loss": "bitonic", "m": 2}, "m = 2 is below k = 5"),
        ({"loss": 3}, "loss = 3; it takes a method's name"),
        ({"embedding_dim": 0}, "embedding_dim = 0: it must be at least 1"),
        ({"distance": "manhattan"}, "unknown distance 'manhattan'"),
        ({"loss": "smooth_topk", "p_k": (0.5, 0.5)}, "--p-k 0.5 0.5: smooth_topk takes one k"),
        (
            {"loss": "./mine.py"},
            r"loss = ./mine.py: a file judges no .*; name a method, or derive the file's Loss from",
        ),
        ({"huber_delta": 0.5, "distance": "squared"}, "huber_delta = 0.5 goes with the euclidean distance"),
        ({"loss_options": {"m": 8}}, "learnt_prototypes has no option 'loss_options'"),
    ],
)
def test_refuses(chosen, message):
    with pytest.raises(UsageError, match=message):
        settings.resolve("learnt_prototypes", chosen, facts())


def test_the_scale_of_fixed_prototypes():
    """The classes' distances are 2 and 4 in two families of three; the points' are three times as long."""
    family = torch.arange(6) // 3
    distances = (4 - 2 * (family.unsqueeze(-1) == family).int()).fill_diagonal_(0)
    problem = Problem(distances=distances)
    points = losses.load("fixed_prototypes", scale=3.0).place(problem, 8)
    torch.testing.assert_close(torch.cdist(points, points), 3.0 * distances, rtol=0, atol=0.2)
    ranked = losses.load("fixed_prototypes", scale=3.0, guide="rank").place(problem, 8)
    at_scale = prototypes.distortion(ranked / 3, distances, scale_free=False)
    torch.testing.assert_close(at_scale, prototypes.distortion(ranked, distances))


def test_where_there_is_no_scale_it_makes_no_other_run():
    def options(**chosen):
        return settings.resolve("fixed_prototypes", chosen, facts()).identity("data", 100)["options"]

    assert "scale" not in options()
    assert options() == options(scale="none")
    assert options(scale=2.0)["scale"] == 2.0
    for chosen, message in (
        ({"scale": 0.0}, "scale = 0.0 is not a positive number"),
        ({"scale": 2.0, "distance": "cosine"}, "scale = 2.0 has no effect beside"),
    ):
        with pytest.raises(UsageError, match=message):
            options(**chosen)


def test_a_file_judges_a_head_of_its_own(families, tmp_path):
    """As a refused `loss = ./mine.py` says."""
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\n"
        "from topkbench.losses import learnt_prototypes\n"
        "@dataclass(frozen=True)\n"
        "class Loss(learnt_prototypes.Loss):\n"
        "    def __call__(self, logits, target, problem=None):\n"
        "        return -logits.gather(-1, target.unsqueeze(-1)).squeeze(-1)\n"
    )
    record = train.train(families, tmp_path, str(mine), QUICK).record
    assert record.config["source"]
    assert record.history[-1]["loss"] < record.history[0]["loss"]


@pytest.mark.parametrize(
    ("method", "chosen", "cure"),
    [
        ("hyperspherical_prototypes", {}, "take another method, such as learnt_prototypes"),
        ("fixed_prototypes", {"guide": "rank"}, "give --set guide=distortion"),
        ("metric_guided_prototypes", {"guide": "rank"}, "give --set guide=distortion"),
    ],
)
def test_two_classes_have_one_distance_and_no_order(method, chosen, cure):
    settings.resolve(method, chosen, facts(3))
    with pytest.raises(UsageError, match=f"{method}: it goes by the order .* 3 classes, and there are 2; {cure}"):
        settings.resolve(method, chosen, facts(2))
    if chosen:
        settings.resolve(method, {}, facts(2))


def test_a_guide_without_weight_is_no_option_of_the_run():
    """Nor does it draw, which would shift the noise of the loss that judges."""

    def identity(**chosen):
        options = {"guide_weight": 0.0, "loss": "perturbed_topk", **chosen}
        return settings.resolve("metric_guided_prototypes", options, facts()).identity("data", 100)["options"]

    assert "guide" not in identity()
    assert "guide" in identity(guide_weight=0.1)
    with pytest.raises(UsageError, match="guide = rank has no effect beside"):
        identity(guide="rank")
    loss = losses.load("metric_guided_prototypes", guide="rank", guide_weight=0.0)
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    points = torch.randn(4, 2, requires_grad=True)
    assert loss.regulariser(Problem(distances=1 - torch.eye(4), prototypes=points, generator=generator)) == 0
    assert torch.equal(generator.get_state(), before)


def test_aliases_and_idle_options_of_the_judge():
    alias = settings.resolve("deep_ncm", {"loss": "bitonic__non_sparse"}, facts())
    name = settings.resolve("deep_ncm", {"loss": "bitonic"}, facts())
    assert alias.config() == name.config()
    cauchy = settings.resolve("deep_ncm", {"loss": "bitonic", "distribution": "cauchy"}, facts())
    assert "art_lambda" not in cauchy.identity("data", 100)["options"]["loss_options"]
    with pytest.raises(UsageError, match=r"art_lambda = 0\.3 has no effect"):
        settings.resolve("deep_ncm", {"loss": "bitonic", "distribution": "cauchy", "art_lambda": 0.3}, facts())


def test_class_means_are_those_of_the_rows_seen():
    """Of a map that stays as it is they are the centroids of scikit-learn's NearestCentroid, the classes' means."""
    generator = torch.Generator().manual_seed(0)
    embedding = FeedForward(2, [6, 4], generator)
    head = heads.build("class_means", lambda dim: embedding, 5, Problem(), generator, {"embedding_dim": 4})
    x, y = torch.randn(40, 6, generator=generator), torch.arange(40) % 4
    for rows in torch.arange(40).split(7):
        head(x[rows])
        head.update(y[rows])
    embedded = embedding(x).detach()
    for label in range(4):
        torch.testing.assert_close(head.mean_HCE[:, label], embedded[:, y == label].mean(1))
    assert (head.mean_HCE[:, 4] == 0).all()  # a class without rows


def test_class_means_take_rows_as_they_were_embedded_for_their_scores():
    """Once, with the dropout of the scores, before the step; what is embedded for an evaluation is not taken."""
    generator = torch.Generator().manual_seed(0)
    embedding = FeedForward(2, [6, 4], generator, dropout=torch.Generator().manual_seed(1))
    head = heads.build("class_means", lambda dim: embedding, 3, Problem(), generator, {"embedding_dim": 4})
    x, y = torch.randn(9, 6, generator=generator), torch.arange(9) % 3
    seen = []
    embedding.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().clone()))
    head(x)
    head.eval()
    head(torch.zeros(5, 6))
    head.train()
    torch.nn.init.zeros_(embedding.layers[-1].weight)  # a step
    head.update(y)
    assert len(seen) == 2
    for label in range(3):
        torch.testing.assert_close(head.mean_HCE[:, label], seen[0][:, y == label].mean(1))


def test_marginals_of_a_tree_sum_to_one_and_fixed_prototypes_stay():
    generator = torch.Generator().manual_seed(0)
    parents = torch.tensor([4, 4, 5, 6, 5, 6, 6])  # ((0 1) 2) 3

    def maps(out_dim: int) -> FeedForward:
        return FeedForward(3, [6, out_dim], generator)

    problem = Problem(parents=parents, distances=1 - torch.eye(4), generator=torch.Generator().manual_seed(1))
    x = torch.randn(9, 6, generator=generator)
    tree = heads.build("tree", maps, 4, problem, generator, {})
    torch.testing.assert_close(tree(x).exp().sum(-1), torch.ones(3, 9))
    fixed = losses.load("fixed_prototypes", embedding_dim=3)
    head = heads.build("prototypes", maps, 4, problem, generator, fixed.head_options())
    assert {name for name, _ in head.named_parameters()} == {"embedding.layers.0.weight", "embedding.layers.0.bias"}
    points = head.state(problem).prototypes[0]
    apart = torch.cdist(points, points)[~torch.eye(4).bool()]
    assert apart.max() / apart.min() < 1.05  # four equal distances fit into three dimensions
    on_sphere = losses.load("hyperspherical_prototypes", embedding_dim=3)
    head = heads.build("prototypes", maps, 4, problem, generator, on_sphere.head_options())
    torch.testing.assert_close(head.prototypes.norm(dim=-1), torch.ones(3, 4))
    with pytest.raises(UsageError, match="there is no head 'trunk'; one of linear, prototypes"):
        heads.build("trunk", maps, 4, problem, generator, {})
