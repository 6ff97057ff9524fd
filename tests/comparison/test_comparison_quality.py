"""Scores: which float32 network, which pictures, and figures that can be computed by hand."""

import numpy as np
import pytest
from comparison.found_rows import entry
from small_network import small_graph

from tvm_srq.comparison.quality import Quality, mean_psnr, reference_of
from tvm_srq.comparison.row import Scores
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError
from tvm_srq.metrics import psnr_y
from tvm_srq.upscalers import load_upscaler


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """One picture of 24x32 pixels, whose small one is a quarter of its pixels."""
    folder = tmp_path_factory.mktemp("dataset")
    high = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    for name, picture in (("HR/a.png", high), ("LR_bicubic/X2/a.png", high[::2, ::2])):
        (folder / name).parent.mkdir(parents=True)
        write_picture(folder / name, np.ascontiguousarray(picture))
    return folder, high


@pytest.fixture(scope="module")
def float_entry(checkpoint):
    graph = small_graph()
    return entry(str(checkpoint), "PyTorch", "", precision="float32", description=graph.description)


def test_the_float32_network_is_found_by_its_description(float_entry):
    made_of_it, other = entry(description=float_entry.description), entry(description="another")
    entries = [made_of_it, other, float_entry]
    assert reference_of(made_of_it, entries, None) is float_entry
    assert reference_of(other, entries, None) is None
    assert reference_of(other, entries, float_entry) is float_entry
    assert reference_of(float_entry, entries, None) is float_entry
    wider = entry(description=float_entry.description, scale=4)
    assert reference_of(wider, entries, None) is None
    with pytest.raises(UserError, match="is of scale 2 and 3 channels, .* of scale 4 and 3"):
        reference_of(wider, entries, float_entry)
    with pytest.raises(UserError, match="is compiled; give the checkpoint"):
        reference_of(other, entries, made_of_it)


def test_scores_of_the_float32_network_itself_and_of_one_that_is_off(dataset, checkpoint, float_entry):
    folder, high = dataset
    compiled = entry(description=float_entry.description)
    quality = Quality(str(folder), [compiled, float_entry], str(checkpoint))
    quality.prepare()
    exact = load_upscaler(checkpoint).upscale
    expected = psnr_y(exact(np.ascontiguousarray(high[::2, ::2])), high, 2)
    assert quality.scores(compiled, exact) == Scores(expected, float("inf"), 0.0)
    assert quality.scores(float_entry, exact) == Scores(expected)

    def brighter(picture):  # by 3 grey levels, where that is not cut off
        return (exact(picture).astype(int) + 3).clip(0, 255).astype(np.uint8)

    scores = quality.scores(compiled, brighter)
    assert 2.9 < scores.flat_colour_shift <= 3.0 and 38 < scores.psnr_y_to_float < 40
    assert quality.unknown == []


def test_what_is_not_known_stays_empty(dataset):
    folder, high = dataset
    alone = entry(description="another")
    quality = Quality(str(folder), [alone])
    quality.prepare()
    scores = quality.scores(alone, lambda picture: picture.repeat(2, 0).repeat(2, 1))
    assert scores.psnr_y is not None and scores.psnr_y_to_float is None and scores.flat_colour_shift is None
    assert quality.unknown == [alone]


def test_datasets_are_looked_at_before_anything_is_measured(dataset):
    folder, _ = dataset
    with pytest.raises(UserError, match="picture of 12x16 pixels, and a network works on 13x13 or more"):
        Quality(str(folder), [entry(smallest=13)])
    with pytest.raises(UserError, match="is no folder"):
        Quality("missing", [entry()])


def test_the_mean_is_infinite_where_all_pictures_are_equal():
    picture = np.zeros((8, 8, 3), np.uint8)
    assert mean_psnr([picture], [picture], 2) == float("inf")
