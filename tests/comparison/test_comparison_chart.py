"""The chart: bars in the table's order, grouped by target, measured rows alone."""

import pytest
from comparison.found_rows import COUNTED, FAST, FLOAT, LOST, NOT_RUN, SLOW, entry, measured
from PIL import Image

from tvm_srq.comparison.result import Comparison
from tvm_srq.comparison.settings import Settings

pytest.importorskip("matplotlib")
chart = pytest.importorskip("tvm_srq.comparison.chart")

OTHER = measured(entry("other.tar", "x86-64-v2"), (7.0,))
FOUND = Comparison(Settings(100, 200), (FAST, NOT_RUN, OTHER, COUNTED, SLOW, LOST, FLOAT))


def test_rows_are_grouped_by_target_in_the_order_of_their_first():
    groups = chart.grouped(FOUND.rows)
    assert list(groups.items()) == [("x86-64-v3", [FAST, SLOW]), ("x86-64-v2", [OTHER]), ("PyTorch", [FLOAT])]


def test_bars_axes_and_their_labels():
    figure = chart.figure_of(FOUND)
    [axes] = figure.axes
    assert [round(bar.get_width(), 6) for bar in axes.patches] == [20.0, 100.0, 7.0, 40.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"{name}\nA Processor" for name in ("fast.tar, W4A4", "slow.tar, W8A8", "other.tar, W4A4", "net.pt, float32")
    ]
    beside = [text.get_text() for text in axes.texts]
    assert beside == ["20.0, 90 %: 28.0", "100.0, 90 %: 180.0", "7.0, 90 %: 7.0", "40.0, 90 %: 40.0"]
    assert axes.get_xlabel().startswith("milliseconds a picture") and axes.get_title() == "Latency of pictures of 100x200"
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["x86-64-v3", "x86-64-v2", "PyTorch"]
    assert axes.get_xlim()[1] > 180.0 and axes.get_ylim()[0] > axes.get_ylim()[1]  # the first bar is at the top


def test_it_is_a_png(tmp_path):
    chart.draw(FOUND, tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.format == "PNG" and picture.width == 1100
