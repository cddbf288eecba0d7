"""Specifications of sweeps: what they may say, and how they are refused."""

from itertools import product
from pathlib import Path

import pytest

from topkbench import presets, settings, sweep, train
from topkbench.errors import UsageError
from topkbench.store import open_store
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
        ("method = 'bitonic'\nm = {from = 'a', to = 1}", "are finite numbers"),
        ("method = 'bitonic'\nm = {from = 1, to = 2, step = 0}", "a step above 0"),
        ("runs = 3", r"begin each with \[\[runs\]\]"),
        ("runs = []\nmethod = 'bitonic'", r"runs are blocks, one or more; begin each with \[\[runs\]\]"),
        ("preset = 5", "preset = 5; give the name of one: difftopk/"),
        (
            "method = 'bitonic'\nnloglr = {from = 1, to = inf}",
            r"nloglr = \{ from = 1, to = inf \}: .* are finite numbers",
        ),
        (
            "method = 'bitonic'\nnloglr = {from = nan, to = 2}",
            r"nloglr = \{ from = nan, to = 2 \}: .* are finite numbers",
        ),
        (f"method = 'bitonic'\nm = {{from = 1, to = 1{'0' * 400}}}", "a sweep takes 100,000 at most"),
        (f"method = 'bitonic'\nm = 1{'0' * 5000}", "is not TOML"),
        (f"m = {'[' * 5000}", "is not TOML"),
        ("method = 'bitonic'\nseeds = '0-99999999999'", "makes 100,000,000,000 runs or more; a sweep takes 100,000 at"),
        (f"method = 'bitonic'\nseeds = '{'9' * 5000}'", 'write "0-4"'),
        ("method = 'bitonic'\nnloglr = {from = 1, to = 9, step = 1e-9}", "makes 8,000,000,001 runs or more"),
        ("method = 'bitonic'\nseeds = '0-999'\nm = {from = 16, to = 200}", "makes 185,000 runs or more"),
        ("[[runs]]\nmethod = 'bitonic'\nseeds = '0-99999'\n[[runs]]\nmethod = 'bitonic'", "block 2: .* 100,001 runs"),
        ("preset = 'difftopk/table5'", "unknown preset 'difftopk/table5'; did you mean 'difftopk/table5-resnext'"),
        ("preset = 'difftopk/table5-resnext'\nmethod = 'softsort'", "has no method 'softsort'; it has bitonic"),
        ("[[runs]]\nmethod = 'bitonic'\n[[runs]]\nm = 3", r"\[\[runs\]\] block 2: no method"),
    ],
)
def test_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        spec.read(write(tmp_path, text), {})


def test_a_blocks_own_seed_goes_before_the_seeds_above(tmp_path):
    text = "seeds = '0-4'\nmethod = 'bitonic'\n[[runs]]\nseed = 5\n[[runs]]\nm = 8"
    assert [options["seed"] for _, options in asked(tmp_path, text)] == [5, 0, 1, 2, 3, 4]


def test_a_blocks_own_preset_goes_before_the_one_above(tmp_path):
    text = "preset = 'difftopk/tables2+3-1k'\n[[runs]]\npreset = 'difftopk/table5-resnext'\nseeds = '0-1'"
    found = spec.read(write(tmp_path, text), {})
    assert [(line.method, line.preset_name) for line in found] == [
        (method, "difftopk/table5-resnext") for method in ("bitonic", "splitter_selection") for _ in range(2)
    ]


def test_a_share_of_the_rows_goes_before_rows_a_class(tmp_path, planned):
    found = spec.read("smooth-topk/subsets", {"train_fraction": [0.1, 0.5]})
    assert len(found) == 4
    assert not any("train_per_class" in line.preset for line in found)
    text = "train_per_class = [4, 8]\nmethod = 'bitonic'\nbatch_size = 10\n[[runs]]\ntrain_fraction = 0.5"
    (member,) = planned(text).members
    assert (member.settings.protocol.train_per_class, member.settings.protocol.train_fraction) == (None, 0.5)


@pytest.mark.parametrize(
    ("varied", "shared", "with_effect"),
    [
        ({"label_noise": [0.0, 0.2]}, {"noise_block": 3}, 0.2),
        ({"optimizer": ["adam", "sgd"]}, {"momentum": 0.5}, "sgd"),
        ({"distribution": ["cauchy", "logistic_phi"]}, {"art_lambda": 0.3}, "logistic_phi"),
    ],
)
def test_an_option_may_have_an_effect_on_some_runs_alone(planned, blobs, varied, shared, with_effect):
    """The others are the runs that they are without it."""
    data = open_store(blobs)
    ((option, values),) = varied.items()
    chosen = [{option: value, **(shared if value == with_effect else {})} for value in values]
    wanted = {train.plan(data, settings.resolve("bitonic", own, train.facts(data)), None).run_id for own in chosen}
    plan = planned("method = 'bitonic'\nseeds = [0]", **varied, **shared)
    assert {member.run_id for member in plan.members} == wanted
    assert len(wanted) == 2
    ((given, value),) = shared.items()
    origins = {member.settings.config()[option]: member.settings.origin[given] for member in plan.members}
    assert origins == {values[0]: "sweep", values[1]: "user"}
    assert {member.settings.config()[given] for member in plan.members} == {value}


def test_a_papers_grid_may_be_written_in_a_file(planned):
    text = "preset = 'smooth-topk/noise'\nnoise_block = 3\nseeds = '0-1'"
    assert len(planned(text).members) == 2 * 2 * 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method = 'bitonic'\nlabel_noise = [0.0, 0.2]\nmomentum = 0.9", "grid.toml: --momentum 0.9 has no effect"),
        ("method = 'bitonic'\nseeds = '0-1'\nnoise_block = [3, 4]", "grid.toml: --noise-block 3 has no effect"),
        ("method = 'bitonic'\ndistribution = ['cauchy', 'logistic']\nart_lambda = 0.3", "art_lambda = 0.3 has no eff"),
        (
            "[[runs]]\nmethod = 'bitonic'\nlabel_noise = [0.0, 0.2]\n[[runs]]\nmethod = 'bitonic'\nnoise_block = 3",
            "block 2: --noise-block 3 has no effect",
        ),
        (
            "method = 'bitonic'\nlabel_noise = [0.0, 0.2]\nmomentun = 0.9",
            "no option 'momentun'; did you mean 'momentum'",
        ),
        ("method = 'bitonic'\nm = [16, 64]", "grid.toml: --m 64 exceeds the 30 classes"),
        ("method = 'bitonic'\nseed = [0, 1.5]", "grid.toml: seed = 1.5; it takes a whole number"),
    ],
)
def test_runs_that_cannot_be_are_refused(blobs, tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        sweep.make(write(tmp_path, text), open_store(blobs), tmp_path, {}, {})


def test_a_mark_at_the_beginning_of_a_file_is_no_statement(tmp_path):
    (tmp_path / "grid.toml").write_bytes("\ufeffmethod = 'bitonic'".encode())
    assert [line.method for line in spec.read(str(tmp_path / "grid.toml"), {})] == ["bitonic"]


def test_what_is_no_file_to_read(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\); give the path of a TOML file"):
        spec.read(str(tmp_path), {})
    with pytest.raises(UsageError, match=r"cannot be read \(File name too long\)"):
        spec.read("x" * 5000, {})
    path = write(tmp_path, "method = 'bitonic'")
    monkeypatch.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(UsageError, match=r"grid.toml cannot be read \(Permission denied\)"):
        spec.read(path, {})


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match=r"nowhere.toml does not exist; give the path of a TOML file or a preset"):
        spec.read("nowhere.toml", {})
