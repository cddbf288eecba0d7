"""The papers' grids, line by line."""

import itertools

from topkbench import losses, presets, training_options

SIX = [
    [1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0.5, 0, 0, 0, 0.5], [0.25, 0, 0, 0, 0.75], [0.1, 0, 0, 0, 0.9],
    [0.2, 0.2, 0.2, 0.2, 0.2],
]  # fmt: skip


def lines(preset: str) -> set[tuple[str, tuple[float, ...]]]:
    return {
        (method, tuple(p_k))
        for block in presets.blocks(preset)
        for method, p_k in itertools.product(block["method"], block["p_k"])
    }


def test_every_section_of_difftopk_is_there():
    sections = {"table5-resnext", "table5-efficientnet", "tables2+3-1k", "tables2+3-21k"}
    assert {f"difftopk/{section}" for section in sections} <= set(presets.names())


def test_tables_2_and_3_cross_every_method_with_its_objectives():
    crossed = {
        (method, tuple(p_k))
        for method, p_k in itertools.product(["bitonic", "splitter_selection", "neuralsort", "softsort"], SIX)
    }
    alone = {("softmax_cross_entropy", (1, 0, 0, 0, 0)), ("smooth_hard_topk", (0, 0, 0, 0, 1))}
    for size in ("1k", "21k"):
        assert lines(f"difftopk/tables2+3-{size}") == crossed | alone


NETS = {"distribution": ["logistic_phi"], "inverse_temperature": [1.0], "art_lambda": [0.5]}


def test_table_5():
    methods = {"method": ["bitonic", "splitter_selection"], "nloglr": [4.5], "m": [16]}
    assert presets.blocks("difftopk/table5-resnext") == [{**methods, **NETS, "p_k": [SIX[5]]}]
    own = {"p_k": [SIX[3]], "distribution": ["logistic"], "inverse_temperature": [0.5]}
    assert presets.blocks("difftopk/table5-efficientnet") == [{**methods, **own}]


def test_the_settings_of_tables_2_and_3():
    for size, m, shared in (("1k", 16, {"nloglr": [4.5]}), ("21k", 50, {"nloglr": [4.0], "n_epochs": [40]})):
        assert presets.blocks(f"difftopk/tables2+3-{size}") == [
            {**shared, "method": ["softmax_cross_entropy"], "p_k": [SIX[0]]},
            {**shared, "method": ["bitonic", "splitter_selection"], "m": [m], **NETS, "p_k": SIX},
            {**shared, "method": ["neuralsort", "softsort"], "m": [m], "inverse_temperature": [0.5], "p_k": SIX},
            {**shared, "method": ["smooth_hard_topk"], "p_k": [SIX[1]], "tau": [1.0]},
        ]


def test_a_preset_gives_only_options_that_its_methods_have():
    for preset in presets.names():
        for block in presets.blocks(preset):
            for method in block["method"]:
                own = set(losses.options(method))
                says_k = {"p_k"} if "k" in own else set()
                assert set(block) <= {"method", *training_options.OPTIONS, *own, *says_k}, (preset, method)
