"""Patches in two colours: whole grey levels, between the two, divided where the photograph is."""

import pytest
import torch

from tvm_srq.quant.training.silhouettes import silhouettes


def drawn(patches, white, seed=0):
    return silhouettes(patches, white, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_pixels_are_whole_grey_levels_between_two_colours(white):
    patches = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * white
    made = drawn(patches, white) * (255 / white)
    assert made.shape == patches.shape and torch.allclose(made, made.round(), atol=1e-3)
    assert made.min() == 0 and made.max() == 255
    grey = ((made - made[:, :1]).abs() < 1e-3).flatten(1).all(1)
    assert 16 < grey.sum() < 48  # half of them, by chance
    spread = made - made.mean((2, 3), keepdim=True)  # two colours: all pixels lie on one line
    for patch in spread.flatten(2)[~grey].double():
        values = torch.linalg.svdvals(patch)
        assert values[1] < 5 and values[1] < 0.1 * values[0]  # but for rounding


def test_a_step_of_the_photograph_becomes_an_edge_between_flat_colours():
    photograph = torch.full((32, 3, 4, 4), 0.4)
    photograph[..., 2:] = 0.9
    made = drawn(photograph, 1.0)
    assert (made[..., :2] == made[..., :1]).all() and (made[..., 2:] == made[..., 3:]).all()
    assert (made[..., 0] != made[..., 3]).flatten(1).any(1).all()


def test_the_same_seed_draws_the_same():
    patches = torch.rand(3, 3, 5, 6)
    assert torch.equal(drawn(patches, 1.0, 4), drawn(patches, 1.0, 4))
    assert drawn(patches[:0], 1.0).shape == (0, 3, 5, 6)
