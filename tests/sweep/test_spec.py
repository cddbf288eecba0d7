"""Specifications of sweeps: what they may say, and how they are refused."""

from itertools import product
from pathlib import Path

import pytest

from topkbench import presets
from topkbench.errors import UsageError
from topkbench.sweep import spec


def write(folder: Path, text: str) -> str:
    path = folder / "grid.toml"
    path.write_text(text)
    return str(path)


def asked(folder: Path, text: str, **override: object) -> list[tuple[str, dict[str, object]]]:
    return [(line.method, dict(line.chosen)) for line in spec.read(write(folder, text), override)]


def test_a_grid_is_every_combination(tmp_path):
    text = 'method = ["bitonic", "softsort"]\nseeds = "0-1"\nnloglr = {from = 3, to = 4, step = 0.5}\np_k = [0.5, 0.5]'
    wanted = [
        (method, {"seed": seed, "nloglr": rate, "p_k": [0.5, 0.5]})
        for method, rate, seed in product(["bitonic", "softsort"], [3, 3.5, 4], [0, 1])
    ]
    found = asked(tmp_path, text)
    assert len(found) == len(wanted)
    assert all(point in found for point in wanted)


def test_blocks_add_to_what_stands_above_and_go_before_it(tmp_path):
    text = """
    nloglr = 2
    [[runs]]
    method = "softmax_cross_entropy"
    [[runs]]
    method = "bitonic"
    nloglr = [3, 4]
    p_k = [[1, 0], [0, 1]]
    """
    assert asked(tmp_path, text) == [
        ("softmax_cross_entropy", {"nloglr": 2}),
        *(("bitonic", {"nloglr": rate, "p_k": p_k}) for rate in (3, 4) for p_k in ([1, 0], [0, 1])),
    ]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ('seeds = "0-2,7"', [0, 1, 2, 7]),
        ("seeds = [3, 5]", [3, 5]),
        ("seeds = 4", [4]),
        ("seed = {from = 1, to = 5, step = 2}", [1, 3, 5]),
        ("m = {from = 0.1, to = 0.5, step = 0.1}", [0.1, 0.2, 0.3, 0.4, 0.5]),  # which 0.1 added up would miss
        ("hidden_dims = [512, 256]", [[512, 256]]),
        ("hidden_dims = [[512], []]", [[512], []]),
        ("distribution = ['cauchy', 'optimal']", ["cauchy", "optimal"]),
        ("loss_options = {p_k = [1]}", [{"p_k": [1]}]),
    ],
)
def test_what_an_option_may_be(tmp_path, written, values):
    found = asked(tmp_path, f"method = 'bitonic'\n{written}")
    assert [next(iter(options.values())) for _, options in found] == values


def test_what_is_given_beside_a_specification_goes_before_it(tmp_path):
    text = "method = 'bitonic'\nseeds = '0-4'\nnloglr = 2"
    assert asked(tmp_path, text, seed="7", nloglr=[3, 4]) == [
        ("bitonic", {"nloglr": 3, "seed": 7}),
        ("bitonic", {"nloglr": 4, "seed": 7}),
    ]


def test_a_preset_is_a_specification_and_can_be_added_to(tmp_path):
    name = "difftopk/table5-resnext"
    plain = spec.read(name, {})
    assert [line.method for line in plain] == ["bitonic", "splitter_selection"]
    assert all(line.preset["m"] == 16 and not line.chosen and line.preset_name == name for line in plain)
    added = spec.read(write(tmp_path, f"preset = '{name}'\nseeds = '0-1'\nm = 32\nmethod = 'bitonic'"), {})
    assert [(line.method, line.chosen) for line in added] == [("bitonic", {"seed": s, "m": 32}) for s in (0, 1)]
    assert all("m" not in line.preset for line in added)


def test_the_papers_tables_expand_to_its_runs():
    """Softmax once, 2 networks and 2 soft permutations with 6 P_K each, the smooth loss once (difftopk's tables)."""
    lines = spec.read("difftopk/tables2+3-1k", {})
    count = {method: sum(line.method == method for line in lines) for method in {line.method for line in lines}}
    assert count == {
        "softmax_cross_entropy": 1, "bitonic": 6, "splitter_selection": 6, "neuralsort": 6, "softsort": 6,
        "smooth_hard_topk": 1,
    }  # fmt: skip
    assert all(spec.read(name, {}) for name in presets.names())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method = ", "is not TOML"),
        ("nloglr = 2", "no method"),
        ("method = 'bitonic'\nseeds = '4-1'", 'seeds = "4-1"; write "0-4"'),
        ("method = 'bitonic'\nseeds = 'x'", 'seeds = "x"'),
        ("method = 'bitonic'\nseeds = '0-1'\nseed = 2", "seed and seeds say the same"),
        ("method = 'bitonic'\nm = []", r"m = \[\] leaves nothing to run"),
        ("method = 'bitonic'\nm = {from = 3, to = 1}", r"m = \{ from = 3, to = 1 \} is empty"),
        ("method = 'bitonic'\nm = {from = 'a', to = 1}", "are numbers"),
        ("method = 'bitonic'\nm = {from = 1, to = 2, step = 0}", "a step above 0"),
        ("runs = 3", r"begin each with \[\[runs\]\]"),
        ("preset = 'difftopk/table5'", "unknown preset 'difftopk/table5'; did you mean 'difftopk/table5-resnext'"),
        ("preset = 'difftopk/table5-resnext'\nmethod = 'softsort'", "has no method 'softsort'; it has bitonic"),
        ("[[runs]]\nmethod = 'bitonic'\n[[runs]]\nm = 3", r"\[\[runs\]\] block 2: no method"),
    ],
)
def test_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        spec.read(write(tmp_path, text), {})


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match=r"nowhere.toml does not exist; give the path of a TOML file or a preset"):
        spec.read("nowhere.toml", {})
