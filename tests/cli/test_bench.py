"""`topkbench bench`, from outside."""

import json

SIZES = ("--batch", "10", "--classes", "30", "--m", "8", "--dim", "4")


def test_several_methods_in_one_table(topkbench):
    done = topkbench("bench", "--method", "bitonic", "softsort", *SIZES)
    assert done.returncode == 0
    assert [word for word in done.stdout.split() if word in ("bitonic", "softsort", "odd_even")] == [
        "bitonic",
        "softsort",
    ]
    assert "0.0001 to 10000" in done.stdout


def test_json_is_one_document(topkbench):
    done = topkbench("bench", "--method", "bitonic,softmax_cross_entropy", "--json", *SIZES)
    document = json.loads(done.stdout)
    assert [row["method"] for row in document["rows"]] == ["bitonic", "softmax_cross_entropy"]
    assert (document["batch"], document["classes"], document["m"], document["device"]) == (10, 30, 8, "cpu")
    assert "USDT" not in done.stderr


def test_refuses_in_one_line(topkbench):
    done = topkbench("bench", "--method", "bitonc", *SIZES)
    assert done.returncode == 2
    assert "did you mean 'bitonic'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_family_of_the_smooth_top_k_svm(topkbench):
    sizes = ("--batch", "4", "--classes", "60")
    done = topkbench("bench", "--family", "smooth", *sizes, "--json")
    document = json.loads(done.stdout)
    assert (document["batch"], document["classes"], document["device"]) == (4, 60, "cpu")
    rows = {(row["algorithm"], row["dtype"], row["k"]): row for row in document["rows"]}
    assert len(rows) == 2 * 2 * 6
    assert rows["tree", "float32", 50]["accurate"] == [0.001, 0.01, 0.1, 1.0, 10.0]
    assert rows["summation", "float32", 5]["accurate"] == [0.1, 1.0, 10.0]  # exp(3 / (5 · .01)) is no float32
    done = topkbench("bench", "--family", "smooth", *sizes)
    assert "accurate at τ" in done.stdout
    assert done.stdout.count("summation") == done.stdout.count("tree") == 12


def test_options_without_effect_are_refused(topkbench):
    done = topkbench("bench", "--family", "smooth", "--m", "8")
    assert done.returncode == 2
    assert done.stderr == "error: --m has no effect with --family smooth; leave it out\n"
