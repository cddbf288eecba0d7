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
