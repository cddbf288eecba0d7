"""Figures as files: formats, the same bytes twice, no screens."""

import subprocess
import sys
from pathlib import Path

import pytest

from topkbench.errors import UsageError
from topkbench.report import plots

MAGIC = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}


@pytest.fixture
def render(save, data, evidence):
    """The figure of prototypes as a file."""
    pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")
    save()
    return lambda format_: plots.render("prototypes", format_, evidence(), lambda: data)


@pytest.fixture
def everything(save, data, train, evidence):
    """Runs that hold something for every plot; draws one of them."""
    pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")
    save()
    history = [
        {"epoch": epoch, "step": epoch, "loss": 1 / epoch, "valid": {"top1": 0.4, "top5": 0.6}} for epoch in (1, 2)
    ]
    for nloglr in (3.0, 4.0):
        for seed in (0, 1):
            train(0.5, nloglr=nloglr, seed=seed, ranks=[1, 2, 3, 9], history=history)
    return lambda name, format_: plots.render(name, format_, evidence(), lambda: data)


@pytest.mark.parametrize("name", plots.names())
@pytest.mark.parametrize("format_", ["svg", "png", "pdf"])
def test_a_figure_is_the_same_bytes_twice(everything, name, format_):
    first = everything(name, format_).content
    assert first.startswith(MAGIC[format_])
    assert everything(name, format_).content == first


@pytest.mark.parametrize("name", plots.names())
def test_the_text_of_an_svg_is_whole(everything, name):
    """Legends and captions are there as text, without the mathematics that a logarithmic axis writes by default."""
    text = everything(name, "svg").content.decode()
    assert "softsort" in text or name in {"prototypes", "sensitivity"}
    assert "</text>" in text
    assert "mathdefault" not in text


def test_an_svg_holds_its_text_and_short_coordinates(render):
    text = render("svg").content.decode()
    assert ">pet (2)</text>" in text
    assert ">distortion 0.026</text>" in text
    for coordinate in (c for word in text.split() for c in word.split('"') if c.replace(".", "", 1).isdecimal()):
        assert len(coordinate.partition(".")[2]) <= 3


def test_a_title_keeps_its_digits(save, render):
    save(guide_weight=0.00012345678)
    assert "guide_weight=0.00012345678" in render("svg").content.decode()


def test_the_style_of_others_is_left_alone(render):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    render("svg")
    assert dict(mpl.rcParams) == before


def test_no_plot_asks_for_a_screen(render, data, tmp_path):
    render("png")
    code = f"""
import sys
from pathlib import Path
from topkbench.report import gather, plots
assert "matplotlib" not in sys.modules
evidence = gather(Path({str(tmp_path / "results")!r}))
plots.render("prototypes", "png", evidence, lambda: Path({str(data)!r}))
print({{"matplotlib.pyplot", "tkinter"}} & set(sys.modules))
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_every_module_of_the_folder_is_a_plot():
    folder = Path(plots.__file__).parent
    assert plots.names() == sorted(path.stem for path in folder.glob("[!_]*.py"))


def test_an_unknown_plot_is_named_with_the_nearest_and_all(save, evidence):
    save()
    with pytest.raises(UsageError) as error:
        plots.render("prototype", "svg", evidence(), Path)
    assert str(error.value) == (
        "unknown plot 'prototype'; did you mean 'prototypes'? "
        "Plots: curves, k, pairwise, prototypes, sensitivity, time, tradeoff"
    )


def test_a_figure_without_matplotlib_names_the_cure(save, evidence, monkeypatch):
    save()
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"needs matplotlib, which is missing; run: pip install 'topkbench\[plot\]'"):
        plots.render("prototypes", "svg", evidence(), Path)
