"""Published figures: what belongs to what, and files that are none."""

import math

import pytest

from topkbench.errors import DataError, UsageError
from topkbench.report import published
from topkbench.report.published import Known

HEADER = "paper,dataset,backbone,method,metric,value,grade,source"
GOOD = "doe2020,Birds,ResNet,diffsortnets,top1,58.5,primary,table 2"


@pytest.fixture
def file(tmp_path):
    def write(*lines, header=HEADER):
        path = tmp_path / "further.csv"
        path.write_text("\n".join([header, *lines]), encoding="utf-8")
        return path

    return write


def test_the_figures_that_ship_are_sound():
    table = published.load()
    assert tuple(table.columns) == published.COLUMNS
    assert len(table) > 20
    assert table["value"].map(math.isfinite).all()
    assert (table[["paper", "dataset", "method", "source"]] != "").all(axis=None)
    assert set(table["grade"]) <= {"primary", "secondary"}
    mahajan = table[(table["paper"] == "mahajan2018wsl") & (table["backbone"] == "ResNeXt-101 32x48d WSL")]
    assert dict(zip(mahajan["metric"], mahajan["value"], strict=True)) == {"top1": 85.4, "top5": 97.6}


def test_a_further_file_stands_beside_them(file):
    shipped = published.load()
    both = published.load([file(GOOD)])
    assert both.iloc[: len(shipped)].equals(shipped)
    assert both.iloc[-1].to_dict() == {
        "paper": "doe2020", "dataset": "Birds", "backbone": "ResNet", "method": "diffsortnets", "metric": "top1",
        "value": 58.5, "grade": "primary", "source": "table 2",
    }  # fmt: skip


def test_further_columns_and_commas_in_quotes_are_no_harm(file):
    line = '"doe, roe",birds,,softsort,average_cost,250,secondary,"page 3, left",mine'
    assert published.load([file(line, header=f"{HEADER},note")]).iloc[-1]["paper"] == "doe, roe"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"metric": "top3"}, "unknown metric 'top3'; did you mean 'top5'?"),
        ({"metric": "accuracy"}, "unknown metric 'accuracy'; give one of top1, top5, top10, top20, error_rate"),
        *(({"value": value}, f"value '{value}' is no percentage from 0 to 100")
          for value in ("abc", "", "nan", "inf", "-inf", "-1", "100.1", "8,5")),
        ({"metric": "average_cost", "value": "-1"}, "value '-1' is no cost, a number from 0"),
        ({"metric": "average_cost", "value": "inf"}, "value 'inf' is no cost, a number from 0"),
        ({"grade": "good"}, "grade 'good'; give primary or secondary"),
        ({"source": ""}, "source empty; a figure without its source is none"),
        ({"source": "  ", "paper": ""}, "paper, source empty"),
    ],
)  # fmt: skip
def test_a_damaged_line_is_named(file, change, fault):
    fields = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | change
    path = file(GOOD, ",".join(f'"{value}"' for value in fields.values()))
    with pytest.raises(DataError) as caught:
        published.load([path])
    assert str(caught.value).startswith(f"--published {path}, line 3: {fault}")
    assert "\n" not in str(caught.value)


def test_costs_may_be_above_100(file):
    assert published.load([file("doe2020,birds,,emd,average_cost,250,primary,t")]).iloc[-1]["value"] == 250


@pytest.mark.parametrize(
    ("header", "missing"),
    [("paper,dataset", "backbone, method, metric, value, grade, source"), (HEADER.replace(",source", ""), "source")],
)
def test_a_missing_column_is_named(file, header, missing):
    with pytest.raises(UsageError, match=f"has no column {missing}; give {HEADER}"):
        published.load([file(header=header)])


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match=r"--published .* cannot be read \((No such file|Is a directory)"):
            published.load([path])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b'a"b\n"c',
        f"{HEADER}\n{GOOD},more\n".encode(),
        f"{HEADER}\n{GOOD}\n{GOOD},more\n".encode(),
    ],
    ids=["empty", "binary", "quote", "one line longer", "another line longer"],
)
def test_a_file_that_is_no_table(tmp_path, content):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"--published .*bad\.csv (is no CSV|has lines of more fields than)"):
        published.load([path])


# What belongs to what


@pytest.mark.parametrize(
    ("name", "n_classes", "dim", "known"),
    [
        ("anything", 1000, 2048, Known("ImageNet-1K", "ResNeXt-101 WSL head")),
        ("anything", 1000, 5504, Known("ImageNet-1K", "EfficientNet-L2 Noisy Student head")),
        ("anything", 10450, 2048, Known("ImageNet-21K-P", "ResNeXt-101 WSL head")),
        ("cifar100", 100, 512, Known("cifar100", None)),
        ("cifar100", None, None, Known("cifar100", None)),
    ],
)
def test_a_data_set_is_known_by_its_shape_or_by_its_name(name, n_classes, dim, known):
    assert published.known_as(name, n_classes, dim) == known


def test_figures_of_a_data_set_by_any_spelling_of_its_name():
    table = published.load()
    found = published.of(table, Known("cifar_100", None), ["top1"])
    assert set(found["method"]) == {"sinkhorn_sort", "diffsortnets", "lapsum"}
    assert found["same"].all()  # whatever the backbone, where none is known
    imagenet = published.of(table, Known("ImageNet-1K", "EfficientNet-L2 Noisy Student head"), ["top1"])
    assert imagenet[imagenet["same"]]["value"].tolist() == [88.37]
    assert published.of(table, Known("birds", None), ["top1"]).empty


def test_a_family_means_its_methods():
    assert published.methods("diffsortnets") == ("bitonic", "odd_even", "splitter_selection")
    assert published.methods("softsort") == ("softsort",)
