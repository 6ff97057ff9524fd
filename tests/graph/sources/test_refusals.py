"""Networks that have no graph are refused in one sentence that names the module and the operation."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import conv2d, interpolate

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.sources.module import graph_of_module


class Layer(nn.Module):
    """Between a convolution and the output."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def refusal(function, channels=8):
    module = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), Layer(function), nn.Conv2d(channels, 3, 1))
    with pytest.raises(UserError) as caught:
        graph_of_module(module.eval(), PictureFormat(), smallest=6)
    message = str(caught.value)
    assert "\n" not in message
    return message


OPERATIONS = {
    "max.dim": lambda x: x * x.max(1, keepdim=True)[0], "grid": lambda x: functional.grid_sample(x, x[:, :2].permute(0, 2, 3, 1)),
    "cumsum": lambda x: x.cumsum(2), "round": torch.round, "topk": lambda x: x.topk(8, 1)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_unknown_operations(name):
    assert "in 1 (Layer) " in refusal(OPERATIONS[name])


REASONS = {
    "has the sharpness 2": lambda x: functional.softplus(x, beta=2),
    "has the factors 0.5": lambda x: functional.elu(x, alpha=0.5),
    "splits rows or columns": lambda x: torch.cat(x.split(x.shape[2] - 1, 2), 2),
    "joins rows, columns or parts of channels": lambda x: torch.cat([x, x], 2)[:, :, : x.shape[2]],
    "pads rows and columns differently": lambda x: functional.pad(x, (1, 1, 0, 0))[..., 1:-1],
    "pads in mode circular": lambda x: functional.pad(x, (1, 1, 1, 1), "circular")[..., 1:-1, 1:-1],
    "pads in mode constant by 1": lambda x: functional.pad(x, (1, 1, 1, 1), value=1)[..., 1:-1, 1:-1],
    "has a stride of 2 rows and 1 columns": lambda x: x + conv2d(x, torch.ones(8, 8, 1, 1), stride=(2, 1)).mean((2, 3), True),
    "treats rows and columns differently": lambda x: functional.max_pool2d(x, (3, 1), 1, (1, 0)),
    "turns rows or columns around": lambda x: x.flip(2),
    "needs a map where it gets sums of rows or columns alone": lambda x: x + x.mean(2, keepdim=True),
    "needs a map of channels, rows and columns": lambda x: functional.max_pool2d(x.transpose(2, 3), 3, 1, 1).transpose(2, 3),
    "computes with the picture's size": lambda x: x * x.shape[2],
    "assigns to some rows or columns": lambda x: torch.slice_scatter(x, x[:, :, :2], 2, 0, 2),
    "divides by zero": lambda x: x / torch.zeros(8, 1, 1),
    "resizes by a factor that is not whole": lambda x: x + interpolate(x, scale_factor=1.5, mode="bilinear").mean((2, 3), True),
    "resizes by nearest neighbours and no whole factor": lambda x: interpolate(interpolate(x, scale_factor=1.5), x.shape[2:]),
    "drops values at random": lambda x: functional.dropout(x, training=True),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(reason):
    message = refusal(REASONS[reason])
    assert reason in message and "Layer" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(value):
    module = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1))
    module[1].weight.data[0, 0] = value
    with pytest.raises(UserError, match="parameter 1.weight has values that are infinite or no numbers"):
        graph_of_module(module, PictureFormat(), smallest=6)


def test_networks_that_make_no_picture():
    with pytest.raises(UserError, match="makes no larger picture"):
        graph_of_module(nn.Conv2d(3, 3, 3), PictureFormat())
    with pytest.raises(UserError, match="6 channels"):
        graph_of_module(nn.Conv2d(3, 6, 1), PictureFormat())
    with pytest.raises(UserError, match="makes no larger picture"):
        graph_of_module(nn.Conv2d(3, 3, 1), PictureFormat(channels=1))


def test_networks_of_several_outputs():
    class Two(nn.Module):
        def forward(self, x):
            return x * 2, x

    with pytest.raises(UserError, match="makes no larger picture"):
        graph_of_module(Two(), PictureFormat())


def test_what_depends_on_the_size_by_a_branch_is_not_taken_for_granted():
    class Branch(nn.Module):
        """Another network for larger pictures."""

        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return self.one(x) if x.shape[2] > 40 else self.other(x)

    with pytest.raises(UserError, match=r"pictures of \d+ x \d+ pixels|different sizes|sizes only"):
        graph_of_module(Branch(), PictureFormat())
