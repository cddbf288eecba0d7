"""Class hierarchies: distances against a search in plain Python, trees by hand and by property, files of every form."""

import gzip
import json
import os
import re
import time
import tracemalloc
from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import DEMO
from topkbench import classes, hierarchy
from topkbench.errors import DataError, UnsafeInputError, UsageError
from topkbench.hierarchy import _cache, _distances

# r ─┬─ a ─┬─ p      classes p, q, s and a, which is above two others; t is no class
#    │     └─ q
#    └─ b ─┬─ s
#          └─ t
SEVEN = [("a", "r"), ("b", "r"), ("p", "a"), ("q", "a"), ("s", "b"), ("t", "b"), ("r", "")]
CLASSES = ["p", "q", "s", "a"]
APART = [[0, 2, 4, 1], [2, 0, 4, 1], [4, 4, 0, 3], [1, 1, 3, 0]]


def of(edges, ids, **kwargs):
    return hierarchy.of(len(ids), ids, parents=edges, **kwargs)


# ---- distances, trees, heights


def test_seven_nodes_by_hand():
    found = of(SEVEN, CLASSES)
    np.testing.assert_array_equal(found.distances, APART)
    assert found.distances.dtype == np.uint8
    # the leaves p, q, s and a's own; then a, b and the root
    assert found.parents.tolist() == [4, 4, 5, 4, 6, 6, 6]
    np.testing.assert_array_equal(found.heights(), [[0, 1, 2, 1], [1, 0, 2, 1], [2, 2, 0, 2], [1, 1, 2, 0]])
    assert [found.siblings(label).tolist() for label in range(4)] == [[1, 3], [0, 3], [], [0, 1]]
    assert found.figures == {"nodes": 6, "edges": 5, "depth": 2, "classes_above_others": 1}
    assert found.summary()["distance"] == {"min": 1, "mean": 2.5, "max": 4}


def test_two_parents_both_count_for_distances_and_one_for_the_tree():
    """x is in the deep group d and the shallow group z: near to both, but on the shorter way a child of z."""
    edges = [("x", "d"), ("x", "z"), ("u", "d"), ("v", "z"), ("d", "c"), ("c", "r"), ("z", "r")]
    found = of(edges, ["x", "u", "v"])
    np.testing.assert_array_equal(found.distances, [[0, 2, 2], [2, 0, 5], [2, 5, 0]])
    assert found.siblings(0).tolist() == [2]
    assert found.siblings(1).tolist() == []


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_ways_as_short_the_tree_takes_the_smaller_name(order):
    found = of([("x", "n"), ("x", "m"), ("u", "m"), ("v", "n"), ("m", "r"), ("n", "r")][::order], ["x", "u", "v"])
    assert found.siblings(0).tolist() == [1]


def test_several_roots_are_joined():
    found = of([("a", "x"), ("b", "x"), ("c", "y"), ("lone", "")], ["a", "b", "c", "lone"])
    np.testing.assert_array_equal(found.distances, [[0, 2, 4, 3], [2, 0, 4, 3], [4, 4, 0, 3], [3, 3, 3, 0]])
    assert found.parents.tolist() == [4, 4, 5, 6, 6, 6, 6]


def test_a_class_at_the_root_and_one_class_alone():
    assert of([("a", "r")], ["a", "r"]).parents.tolist() == [2, 2, 2]
    alone = of([("a", "")], ["a"])
    assert (alone.parents.tolist(), alone.distances.tolist(), alone.heights().tolist()) == ([1, 1], [[0]], [[0]])
    assert alone.summary()["distance"] == {}


def test_a_chain_too_long_for_a_byte():
    chain = [(str(i), str(i + 1)) for i in range(400)]
    found = of([*chain, ("side", "400")], ["0", "side"])
    assert found.distances.tolist() == [[0, 401], [401, 0]]
    assert found.distances.dtype == np.uint16
    assert found.heights().tolist() == [[0, 400], [400, 0]]


def test_two_chains_that_fit_a_byte_but_not_together():
    arms = [(f"{arm}{i}", f"{arm}{i + 1}" if i < 199 else "root") for arm in "ab" for i in range(200)]
    assert of(arms, ["a0", "b0"]).distances.tolist() == [[0, 400], [400, 0]]


@st.composite
def graphs(draw):
    """Edges of a random graph, and some of its nodes as classes; there may be several roots and unneeded nodes."""
    n = draw(st.integers(1, 12))
    above = [draw(st.lists(st.integers(0, i - 1), max_size=3, unique=True)) if i else [] for i in range(n)]
    name = draw(st.permutations([f"n{i:02}" for i in range(n)]))
    edges = [(name[i], parent) for i, ps in enumerate(above) for parent in [name[p] for p in ps] or [""]]
    edges = draw(st.permutations(edges))
    return edges, draw(st.lists(st.sampled_from(name), min_size=1, unique=True))


def above_by_search(edges):
    """Every node's ancestors with the fewest edges up to them; "" is above all roots."""
    up = {}
    for child, parent in edges:
        up.setdefault(child, set()).add(parent)

    def search(start):
        seen, queue = {start: 0}, deque([start])
        while queue:
            node = queue.popleft()
            for parent in up.get(node, ()):
                if parent not in seen:
                    seen[parent] = seen[node] + 1
                    queue.append(parent)
        return seen

    return search


@given(graphs())
def test_distances_are_those_of_a_search(case):
    edges, ids = case
    up = [above_by_search(edges)(name) for name in ids]
    expected = [[min(a[node] + b[node] for node in a.keys() & b.keys()) for b in up] for a in up]
    np.testing.assert_array_equal(of(edges, ids).distances, expected)


@given(graphs())
def test_a_tree_is_one(case):
    edges, ids = case
    parents = of(edges, ids).parents
    inner = set(parents.tolist())
    assert parents[-1] == len(parents) - 1
    assert all(parent > node for node, parent in enumerate(parents[:-1]))
    assert inner == set(range(len(ids), len(parents)))  # what is no class's leaf has children, and no leaf has


def path(parents, node):
    way = [node]
    while parents[way[-1]] != way[-1]:
        way.append(int(parents[way[-1]]))
    return way


@given(graphs())
def test_a_trees_ways_up_are_shortest(case):
    edges, ids = case
    ways = [above_by_search(edges)(key) for key in ids]
    kept = set().union(*ways)
    is_joined = sum(child in kept and not parent for child, parent in edges) > 1
    found = of(edges, ids)
    for label, (key, way) in enumerate(zip(ids, ways, strict=True)):
        depth = way[""] - (not is_joined)
        is_above = any(key in other for other in ways if other is not way)
        own_leaf = len(path(found.parents, label)) - 1 - depth
        assert own_leaf == 0 if not is_above and depth else own_leaf in (0, 1)


@given(graphs())
def test_heights_are_those_of_the_lowest_common_ancestor(case):
    edges, ids = case
    found = of(edges, ids)
    ways = [path(found.parents, label) for label in range(len(ids))]
    height: Counter[int] = Counter()
    for way in ways:
        height |= Counter({node: up for up, node in enumerate(way)})  # |: the greater of two counts
    expected = [[height[next(node for node in a if node in b)] for b in ways] for a in ways]
    np.testing.assert_array_equal(found.heights(), expected)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_lines_is_of_no_account(case, random):
    edges, ids = case
    shuffled = [*edges, *edges]
    random.shuffle(shuffled)
    one, other = of(edges, ids), of(shuffled, ids)
    assert one.checksum == other.checksum
    assert one.figures == other.figures
    np.testing.assert_array_equal(one.parents, other.parents)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_classes_is(case, random):
    edges, ids = case
    order = list(range(len(ids)))
    random.shuffle(order)
    one, other = of(edges, ids), of(edges, [ids[i] for i in order])
    assert (one.checksum == other.checksum) == (order == sorted(order))
    np.testing.assert_array_equal(other.distances, one.distances[order][:, order])
    np.testing.assert_array_equal(other.heights(), one.heights()[order][:, order])


def test_columns_at_a_time_are_all_columns(monkeypatch):
    with np.load(DEMO) as demo:
        ids = demo["class_ids"].astype(str).tolist()
    whole = hierarchy.of(826, ids).distances
    monkeypatch.setattr(_distances, "_COLUMNS", 100)  # 826 is no multiple of it
    np.testing.assert_array_equal(hierarchy.of(826, ids).distances, whole)


# ---- branches


DEEP = [("p", "a"), ("q", "a"), ("r", "a"), ("s", "b"), ("t", "c"), ("u", "c"), ("a", "x"), ("b", "x"), ("x", "top"),
        ("c", "top")]  # fmt: skip


@pytest.mark.parametrize(
    ("most", "named", "branch"),
    [
        (9, ["a", "c", "b"], [0, 0, 0, 2, 1, 1]),  # a, b and c hold nothing but classes: they are not split
        (2, ["a", "c"], [0, 0, 0, -1, 1, 1]),  # below neither lies one class of six, less than a fifth
        (1, ["x"], [0, 0, 0, 0, -1, -1]),  # two of six are more, but the root alone would tell nothing apart
    ],
)
def test_branches_by_hand(most, named, branch):
    found = of(DEEP, list("pqrstu"))
    branch_C, nodes = found.branches(most)
    assert [found.names[node] for node in nodes] == named
    assert branch_C.tolist() == branch


@pytest.mark.parametrize("name", ["imagenet-1k", "imagenet-21k-p"])
def test_nearly_all_classes_lie_below_few_branches(name):
    ids = classes.load(name).ids
    found = hierarchy.of(len(ids), ids)
    branch_C, nodes = found.branches(9)
    words = hierarchy.words()
    assert {"matter", "structure", "covering"} < {words[found.names[node]] for node in nodes}
    assert (branch_C < 0).mean() <= 0.2
    sizes = np.bincount(branch_C[branch_C >= 0])
    assert len(sizes) == len(nodes) == 9
    assert (np.diff(sizes) <= 0).all()
    for label in range(0, len(ids), 97):
        above, node = [label], label
        while found.parents[node] != node:
            above.append(node := int(found.parents[node]))
        assert [nodes.index(n) for n in above if n in nodes] == [b for b in [branch_C[label]] if b >= 0]


def test_superclasses_are_branches_though_most_classes_lie_below_others():
    edges = [(f"{group}.{i}", str(group)) for group in range(20) for i in range(5)] + [(str(g), "") for g in range(20)]
    branch_C, nodes = of(edges, [child for child, _ in edges[:100]]).branches(9)
    assert (len(nodes), (branch_C < 0).sum()) == (9, 55)


# ---- what ships


def test_imagenet_1k():
    ids = classes.load("imagenet-1k").ids
    started = time.monotonic()
    found = hierarchy.of(1000, ids)
    assert time.monotonic() - started < 10
    others = found.distances[~np.eye(1000, dtype=bool)]
    assert (others.min(), round(others.mean(), 3), np.median(others), others.max()) == (2, 12.591, 13, 26)
    np.testing.assert_array_equal(found.distances, found.distances.T)
    assert found.distances.dtype == np.uint8
    assert found.figures["classes_above_others"] == 0
    parents = Counter(child for child, _ in hierarchy.load("imagenet-1k", 1000, ids).parents)
    assert sum(parents[i] > 1 for i in ids) == 38


def test_imagenet_21k_p_fits():
    ids = classes.load("imagenet-21k-p").ids
    tracemalloc.start()
    found = hierarchy.of(10_450, ids)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**30
    assert found.figures["classes_above_others"] == 2330
    assert found.distances.dtype == np.uint8
    assert len(set(found.parents[:10_450]) & set(range(10_450))) == 0
    search = above_by_search(hierarchy.load("imagenet-21k-p", 10_450, ids).parents)
    tench = search(ids[0])
    for label in (1, 5_000, 10_449):
        other = search(ids[label])
        expected = min(tench[node] + other[node] for node in tench.keys() & other.keys())
        assert found.distances[0, label] == found.distances[label, 0] == expected


def test_the_demo():
    with np.load(DEMO) as demo:
        ids = demo["class_ids"].astype(str).tolist()
    found = hierarchy.of(826, ids)
    assert found.figures["classes_above_others"] == 283
    own = [found.names[label] == found.names[found.parents[label]] for label in range(826)]
    assert sum(own) == 274  # leaves of their own; the other 9 are above others by parents that the tree does not keep


def test_wordnet_classes_of_several_data_sets_are_known_together():
    """The Mexican hairless, of ImageNet-1K alone, and the puppy, of ImageNet-21K-P alone, are both dogs."""
    hairless, puppy = "n02113978", "n01322604"
    assert hierarchy.of(2, [hairless, puppy]).distances[0, 1] == 2
    with pytest.raises(DataError, match=f"1 of 2 classes are in no line, the first is '{hairless}' .label 0"):
        hierarchy.load("imagenet-21k-p", 2, [hairless, puppy])


@pytest.mark.parametrize("ids", [None, ["n02113978", "n99999999"], ["n02113978"] * 2, ["dog", "cat"]])
def test_other_classes_have_none(ids):
    assert hierarchy.of(2, ids) is None


_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
NAMES = _NAMES.split()

# The published superclass of each of CIFAR-100's labels, by number in alphabetical order.
SUPERCLASS = """
 4  1 14  8  0  6  7  7 18  3  3 14  9 18  7 11  3  9  7 11  6 11  5 10  7  6 13 15  3 15  0 11  1 10 12 14 16  9 11  5
 5 19  8  8 15 13 14 17 18 10 16  4 17  4  2  0 17  4 18 17 10  3  2 12 12 16 12  1  9 19  2 10  0  1 16 12  9 13 15 13
16 19  2  4  6 19  5  5  8 19 18  1  2 15  6  0 17  8 14 13
"""


def test_cifar_100():
    number = np.array(SUPERCLASS.split(), int)
    expected = np.where(number[:, None] == number, 2, 4)
    np.fill_diagonal(expected, 0)
    by_number = hierarchy.load("cifar-100", 100).parents
    np.testing.assert_array_equal(hierarchy.of(100, parents=by_number).distances, expected)
    np.testing.assert_array_equal(hierarchy.of(100, class_names=NAMES).distances, expected)
    np.testing.assert_array_equal(hierarchy.of(100, NAMES).distances, expected)
    spaced = [name.replace("_", " ").title() for name in NAMES]
    np.testing.assert_array_equal(hierarchy.of(100, class_names=spaced[::-1]).distances, expected[::-1, ::-1])
    named = hierarchy.load("cifar-100", 100, class_names=spaced).parents
    np.testing.assert_array_equal(hierarchy.of(100, None, spaced, named).distances, expected)


def test_a_hundred_other_classes_are_not_cifar_100():
    other = [*NAMES[:99], "zebra"]
    assert hierarchy.of(100, class_names=other) is None
    assert hierarchy.of(100) is None
    with pytest.raises(DataError, match=r"'zebra' \(label 99\)"):
        hierarchy.load("cifar-100", 100, class_names=other)
    with pytest.raises(DataError, match="101 of 101 classes"):
        hierarchy.load("cifar-100", 101)


# ---- parents files


def lines(edges, separator):
    return "".join(f"{child}{separator}{parent}\n" for child, parent in edges)


FORMS = {
    "csv": lines(SEVEN, ","),
    "csv with a header": "Child,Parent\n" + lines(SEVEN, ","),
    "csv of a spreadsheet": "\ufeff" + lines(SEVEN, ",").replace("\n", "\r\n\r\n"),
    "quoted csv": "".join(f'"{child}","{parent}"\n' for child, parent in SEVEN),
    "no line of the root": lines(SEVEN[:-1], ","),
    "tsv": lines(SEVEN, "\t"),
    "json": json.dumps(dict(SEVEN)),
    "json with lists": "\n " + json.dumps({child: [parent] if parent else None for child, parent in SEVEN}, indent=1),
    "wordnet": "wnid\thypernyms\tname\n" + "".join(f"{child}\t{parent}\tin words\n" for child, parent in SEVEN),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_parents_file(tmp_path, form, packed):
    text = FORMS[form].encode()
    (tmp_path / "tree").write_bytes(gzip.compress(text) if packed else text)
    source = hierarchy.load(str(tmp_path / "tree"), 4, CLASSES)
    assert source.distances is None
    np.testing.assert_array_equal(of(source.parents, CLASSES).distances, APART)


WORDNET_LINES = 'n00000001\t\tthing\nn00000002\tn00000001\tpet\nn00000003\tn00000002 n00000001\ta "cat"\n'


@pytest.mark.parametrize("text", [WORDNET_LINES, "wnid\thypernyms\tname\n" + WORDNET_LINES])
def test_several_parents_of_a_wordnet_line(tmp_path, text):
    (tmp_path / "tree").write_text(text)
    found = hierarchy.load(str(tmp_path / "tree"), 1, ["n00000003"]).parents
    assert set(found) == {
        ("n00000001", ""),
        ("n00000002", "n00000001"),
        ("n00000003", "n00000002"),
        ("n00000003", "n00000001"),
    }


@pytest.mark.parametrize("text", ["cat,pet,wild cat\npet,\n", '{"cat": ["pet", "wild cat"]}'])
def test_several_parents(tmp_path, text):
    (tmp_path / "tree").write_text(text)
    found = hierarchy.load(str(tmp_path / "tree"), 1, ["cat"]).parents
    assert {edge for edge in found if edge[1]} == {("cat", "pet"), ("cat", "wild cat")}


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["p", "q", "s"], ["P", "Q", "S"]),
        (["1", "2", "3"], ["p", "q", "s"]),
        (None, ["p", "q", "s"]),
        (["x", "x", "y"], ["p", "q", "s"]),
    ],
)
def test_classes_go_by_id_or_name(tmp_path, ids, names):
    (tmp_path / "tree.csv").write_text(lines(SEVEN, ","))
    parents = hierarchy.load(str(tmp_path / "tree.csv"), 3, ids, names).parents
    assert hierarchy.of(3, ids, names, parents).distances[0].tolist() == [0, 2, 4]


@pytest.mark.parametrize(("ids", "names"), [(None, None), (["x", "y", "z"], None), (None, ["crane", "crane", "dog"])])
def test_classes_go_by_label(tmp_path, ids, names):
    (tmp_path / "tree.csv").write_text("0,a\n1,a\n2,b\na,r\nb,r\n")
    parents = hierarchy.load(str(tmp_path / "tree.csv"), 3, ids, names).parents
    assert hierarchy.of(3, ids, names, parents).distances[0].tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "p,a\nq,b\n\na,q\nb,a\ns,a\n",
            r"tree, line \d: '\w' with parent '\w' is part of a circle \(\w → \w → \w → \w\); take out one",
        ),
        ("p,a\nq,a\ns,s\n", r"tree, line 3: 's' with parent 's' is part of a circle \(s → s\)"),
        ('{"p": "a", "q": "a", "s": "a", "a": "p"}', r"tree, entry '(p|a)': .* circle"),
        ("p,a\nq,a\n", r"tree: 1 of 3 classes are in no line, the first is 's' \(label 2\); give each a line"),
        ("x,a\ny,a\n", r"tree: 3 of 3 classes are in no line, the first is 'p' \(label 0\)"),
        ("p,a\n,a\n", r"tree, line 2: a parent without a child; give a line 'CHILD,PARENT'"),
        ("p\nq\ns\n", r"tree names no parent at all; give a line 'CHILD,PARENT'"),
        ("", r"tree names no parent at all"),
        ('{"p": {"q": "s"}}', r"tree, entry 'p': its parent is \{'q': 's'\}; give a name or a list of names"),
        ('{"p": 1.5}', r"tree, entry 'p': its parent is 1.5"),
        (
            '{"p": "a", "q": "a", "p": "b"}',
            r"tree, entry 'p': it is there 2 times; give one with a list of its parents",
        ),
        ('{"p": "a\\u0000"}', r"tree, entry 'p': a NUL character in 'p' or a parent of it; take it out"),
        ("p,a\n\nq,a\0b\ns,a\n", r"tree, line 3: a NUL character in 'q' or a parent of it; take it out"),
        ("p,a\nq\0,a\ns,a\n", r"tree, line 2: a NUL character in 'q\\x00' or a parent of it"),
        ('{"p": "a",\n "q" "a"}', r"tree is no JSON: .*line 2 column 6.*; write \{child: parent\}"),
        ("{" * 100_000, r"tree is no JSON"),
        (b"p,\xff\n", r"tree is not UTF-8 text; give a line"),
        (gzip.compress(b"p,a\nq,a\ns,a\n" * 99)[:-9], r"tree cannot be read: .*; unpack or copy it anew"),
        (b"\x1f\x8b\x08 rest of it is damaged", r"tree cannot be read"),
        ("p,a\nq," + "a" * 200_000, r"tree, line \d: field larger than field limit"),
    ],
)
def test_parents_files_that_are_wrong(tmp_path, text, message):
    (tmp_path / "tree").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message) as caught:
        hierarchy.load(str(tmp_path / "tree"), 3, ["p", "q", "s"])
    assert "\n" not in str(caught.value)


def test_classes_that_are_called_the_same_are_said_to_be(tmp_path):
    (tmp_path / "tree.csv").write_text("crane,a\ndog,a\na,r\n")
    with pytest.raises(DataError, match=r"first is '0' .label 0.*; several classes are called 'crane', which does not"):
        hierarchy.load(str(tmp_path / "tree.csv"), 3, None, ["crane", "crane", "dog"])


def test_the_line_of_a_circle_is_one_of_it(tmp_path):
    (tmp_path / "tree").write_text("child,parent\np,a\na,r\n\nq,r\nr,q\n")
    with pytest.raises(DataError, match=r"tree, line (5: 'q' with parent 'r'|6: 'r' with parent 'q') "):
        hierarchy.load(str(tmp_path / "tree"), 1, ["p"])


def test_a_text_too_long_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(hierarchy._files, "_MOST", 1000)
    (tmp_path / "tree.gz").write_bytes(gzip.compress(b"p,a\n" * 1000))
    with pytest.raises(UnsafeInputError, match="holds more than 1,000 characters"):
        hierarchy.load(str(tmp_path / "tree.gz"), 1, ["p"])


def test_neither_a_file_nor_a_name(tmp_path):
    with pytest.raises(UsageError, match=r"--hierarchy cifar100: neither.*imagenet-1k.*did you mean 'cifar-100'\?"):
        hierarchy.load("cifar100", 100)
    with pytest.raises(UsageError, match="neither a file"):
        hierarchy.load(str(tmp_path), 3)


# ---- distance files

DISTANCES = np.array([[0, 1.5, 4, 3], [1.5, 0, 4, 3], [4, 4, 0, 1], [3, 3, 1, 0]])


def save(path, form, distances):
    if form == "npy":
        np.save(path.open("wb"), distances)
    elif form == "gz":
        path.write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in distances).encode()))
    else:
        np.savetxt(path, distances, delimiter={"csv": ",", "tsv": "\t"}[form], fmt="%.7g")


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2"])
@pytest.mark.parametrize("form", ["npy", "csv", "tsv", "gz"])
def test_a_distance_file(tmp_path, form, dtype):
    save(tmp_path / "d", form, DISTANCES.astype(dtype))
    source = hierarchy.load(str(tmp_path / "d"), 4, CLASSES)
    assert source.parents is None
    assert source.distances.dtype == np.float32
    found = hierarchy.of(4, CLASSES, None, *source)
    np.testing.assert_array_equal(found.distances, DISTANCES)
    assert found.summary() == {"distance": {"min": 1.0, "mean": 2.75, "max": 4.0}}
    assert found.parents is None
    for of_tree in (found.heights, lambda: found.siblings(0)):
        with pytest.raises(UsageError, match="not a tree; give prepare --hierarchy a parents file"):
            of_tree()


def test_distances_of_whole_numbers_and_rounded_ones(tmp_path):
    np.save(tmp_path / "d.npy", np.array(APART, np.int64))
    assert hierarchy.load(str(tmp_path / "d.npy"), 4).distances.tolist() == APART
    rounded = DISTANCES + np.triu(np.full((4, 4), 1e-6), 1)
    np.save(tmp_path / "d.npy", rounded)
    np.testing.assert_allclose(hierarchy.load(str(tmp_path / "d.npy"), 4).distances, rounded, atol=1e-6)


@pytest.mark.parametrize("form", ["npy", "csv", "tsv", "gz"])
@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, 2, -4.0, "{1,2}: -4.0 is a negative distance; correct the file"),
        (2, 1, np.nan, "{2,1}: nan is not a finite distance; correct the file"),
        (0, 3, np.inf, "{0,3}: inf is not a finite distance; correct the file"),
        (3, 0, 1e60, "{3,0}: inf is not a finite distance; correct the file"),
        (2, 2, 0.5, "{2,2}: 0.5 is not 0, the distance of a class from itself; correct the file"),
        (3, 1, 2.0, "{1,3}: 3.0, but 2.0 in {3,1}; a distance is the same both ways; correct the file"),
    ],
)
def test_distances_that_are_none(tmp_path, monkeypatch, form, row, column, value, message):
    """An array's rows and columns count from 0, a text's lines and columns from 1."""

    def place(found: re.Match[str]) -> str:
        at = [int(found[1]), int(found[2])]
        return "row {}, column {} (from 0)".format(*at) if form == "npy" else f"line {at[0] + 1}, column {at[1] + 1}"

    monkeypatch.setattr(_distances, "_ROWS", 3)
    wrong = DISTANCES.copy()
    wrong[row, column] = value
    save(tmp_path / "d", form, wrong)
    with pytest.raises(DataError) as caught:
        hierarchy.load(str(tmp_path / "d"), 4)
    assert str(caught.value) == f"{tmp_path / 'd'}, " + re.sub(r"\{(\d),(\d)\}", place, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1,2\n1,0,x\n2,1,0\n", "d, line 2, column 3: 'x' is no number; a distance file has 3 lines of as many"),
        ("0,1,2\n\n1,0,1\n2,1,\n", "d, line 4, column 3: '' is no number"),
        (
            "0,1,2\n1,0\n2,1,0\n",
            "d, line 2: 2 numbers, but there are 3 classes; a distance file has 3 lines of as many",
        ),
        ("0,1,2\n\r\n1,0,1\n2,5,0\n", "d, line 3, column 3: 1.0, but 5.0 in line 4, column 2; a distance is the same"),
        ("0,1,2\n1,0,1\n", "d: distances are 2 × 3, but there are 3 classes"),
        ("0,1,2\n1,0,1\n2,1,0\n0,1,2\n0,1,2\n", "d, line 4: more rows than the 3 classes; take it out"),
        ("0,1,2,3\n1,0,1,2\n2,1,0,1\n3,2,1,0\n", "d, line 1: 4 numbers, but there are 3 classes"),
        ("0,1\n1,0\n", "d, line 1: 2 numbers, but there are 3 classes"),
        (
            "p,q,s\n0,1,2\n1,0,1\n2,1,0\n",
            "d, line 1: a header; distances have none, but are in the order of the labels",
        ),
    ],
)
def test_distance_texts_that_are_wrong(tmp_path, text, message):
    (tmp_path / "d").write_text(text, newline="")
    with pytest.raises(DataError) as caught:
        hierarchy.load(str(tmp_path / "d"), 3)
    assert f"{tmp_path}/{message}" in str(caught.value)


def test_numbers_that_are_labels_are_parents(tmp_path):
    """The second of two classes belongs to the first, and their line looks like two distances."""
    (tmp_path / "tree.csv").write_text("0,2\n1,0\n")
    assert hierarchy.load(str(tmp_path / "tree.csv"), 3).parents == [("0", "2"), ("1", "0")]
    (tmp_path / "zeros.csv").write_text("0,0,0\n0,0,0\n0,0,0\n")
    assert hierarchy.load(str(tmp_path / "zeros.csv"), 3).distances.tolist() == [[0.0] * 3] * 3


def test_a_gzipped_array_is_named_for_what_it_is(tmp_path):
    save(tmp_path / "d.npy", "npy", DISTANCES)
    (tmp_path / "d.npy.gz").write_bytes(gzip.compress((tmp_path / "d.npy").read_bytes()))
    with pytest.raises(DataError, match=r"d\.npy\.gz is a gzipped \.npy, which cannot be mapped to memory; unpack it"):
        hierarchy.load(str(tmp_path / "d.npy.gz"), 4)


def test_arrays_that_are_no_distances(tmp_path):
    path = tmp_path / "d.npy"
    for array, message in [
        (np.zeros((3, 4)), "distances are 3 × 4, but there are 3 classes"),
        (np.zeros(3), "distances are 3, but"),
        (np.zeros(()), "distances are a single number, but there are 3 classes"),
        (np.zeros((3, 3), complex), "complex128, not numbers"),
        (np.zeros((3, 3), "U2"), "not numbers"),
    ]:
        np.save(path, array)
        with pytest.raises(DataError, match=message):
            hierarchy.load(str(path), 3)
    np.save(path, np.zeros((3, 3), object))
    with pytest.raises(UnsafeInputError, match="Python objects"):
        hierarchy.load(str(path), 3)
    np.save(path, np.zeros((3, 3)))
    os.truncate(path, path.stat().st_size - 8)
    with pytest.raises(DataError, match="is damaged"):
        hierarchy.load(str(path), 3)


def test_a_stores_own_hierarchy_comes_before_wordnets():
    ids = ["n02113978", "n01322604"]
    parents = [(ids[0], "x"), ("x", "r"), (ids[1], "r")]
    assert hierarchy.of(2, ids, parents=parents).distances[0, 1] == 3
    assert hierarchy.of(2, ids, distances=np.float32([[0, 7], [7, 0]])).distances[0, 1] == 7


# ---- kept beside the store


@pytest.fixture
def built(monkeypatch):
    """How often distances were computed."""
    times = []
    real = _distances.fewest_edges
    monkeypatch.setattr(_distances, "fewest_edges", lambda graph: (times.append(1), real(graph))[1])
    return times


def test_distances_are_built_once(tmp_path, built):
    for _ in range(3):
        found = of(SEVEN, CLASSES, cache_beside=tmp_path / "set.h5")
        np.testing.assert_array_equal(found.distances, APART)
        assert found.distances.dtype == np.uint8
    assert len(built) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set.hierarchy.npz"]


def test_those_of_other_classes_or_another_graph_are_built_anew(tmp_path, built):
    beside = tmp_path / "set.h5"
    of(SEVEN, CLASSES, cache_beside=beside)
    np.testing.assert_array_equal(of(SEVEN, CLASSES[::-1], cache_beside=beside).distances, np.rot90(APART, 2))
    assert of([*SEVEN, ("s", "a")], CLASSES, cache_beside=beside).distances[2].tolist() == [2, 2, 0, 1]
    assert len(built) == 3


@pytest.mark.parametrize("left", [0, 1, 100, -1, -30, -200])
def test_torn_ones_are_built_anew(tmp_path, built, left):
    beside, path = tmp_path / "set.h5", tmp_path / "set.hierarchy.npz"
    of(SEVEN, CLASSES, cache_beside=beside)
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    np.testing.assert_array_equal(of(SEVEN, CLASSES, cache_beside=beside).distances, APART)
    assert len(built) == 2
    assert path.read_bytes() == whole


@settings(deadline=None, max_examples=300)
@given(position=st.integers(0, 10_000), change=st.integers(1, 255))
def test_a_changed_byte_does_no_harm(tmp_path_factory, position, change):
    path = tmp_path_factory.getbasetemp() / "flipped.hierarchy.npz"
    _cache._write(path, "key", np.array(APART, np.uint8))
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= change
    path.write_bytes(data)
    found = _cache.kept(path.with_name("flipped.h5"), "key", lambda: np.array(APART, np.uint8))
    np.testing.assert_array_equal(found, APART)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04" + bytes(100)])
def test_foreign_files_in_their_place_are_replaced(tmp_path, content, built):
    (tmp_path / "set.hierarchy.npz").write_bytes(content)
    for _ in range(2):
        np.testing.assert_array_equal(of(SEVEN, CLASSES, cache_beside=tmp_path / "set.h5").distances, APART)
    assert len(built) == 1


def test_where_nothing_can_be_written_nothing_is(tmp_path, monkeypatch):
    missing = tmp_path / "missing" / "set.h5"
    np.testing.assert_array_equal(of(SEVEN, CLASSES, cache_beside=missing).distances, APART)
    assert not missing.parent.exists()
    (tmp_path / "set.hierarchy.npz").mkdir()  # a name that is taken
    np.testing.assert_array_equal(of(SEVEN, CLASSES, cache_beside=tmp_path / "set.h5").distances, APART)
    monkeypatch.setattr(_cache.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    np.testing.assert_array_equal(of(SEVEN, CLASSES, cache_beside=tmp_path / "full.h5").distances, APART)
    assert [path.name for path in tmp_path.iterdir()] == ["set.hierarchy.npz"]
