"""Reading a network into steps: what is fused, and what is refused because fusing it would change the result."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tvm_srq.errors import UserError
from tvm_srq.models.base import Network, same_convolution
from tvm_srq.quant.plan import PICTURE, Plan, make_plan


class Small(Network):
    """Four convolutions a, b, c (4 channels) and last (3 channels), and modules to put between them."""

    def __init__(self, body: Callable[["Small", Tensor], Tensor]):
        super().__init__()
        self.scale, self.pixel_range, self.output_range, self.edge_layers = 1, 255.0, (0.0, 255.0), ()
        self.a, self.b = same_convolution(3, 4, 3), same_convolution(4, 4, 3)
        self.c, self.last = same_convolution(4, 4, 3), same_convolution(4, 3, 3)
        self.wide, self.shuffle, self.second_shuffle = same_convolution(4, 16, 3), nn.PixelShuffle(2), nn.PixelShuffle(2)
        self.relu, self.identity, self.norm = nn.ReLU(), nn.Identity(), nn.BatchNorm2d(4)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self, x)


def plan(body: Callable[[Small, Tensor], Tensor]) -> Plan:
    return make_plan(Small(body).eval())


def test_what_follows_a_convolution_is_part_of_its_step():
    made = plan(lambda n, x: n.last(n.shuffle(n.relu(n.wide(n.a(x)) * 0.5))))
    assert list(made.steps) == ["a", "wide", "last"]
    wide = made.steps["wide"]
    assert (wide.source, wide.shuffle, wide.skip) == ("a", 2, None)
    assert wide.slope is not None and not wide.slope.any()
    assert [float(affine.multiplier[0]) for affine in wide.affines] == [1.0, 0.5]
    assert made.steps["a"].source == PICTURE and made.last == "last"


def test_an_addition_belongs_to_the_later_convolution_and_all_its_streams_share_a_step():
    def body(n: Small, x: Tensor) -> Tensor:
        first = n.a(x)
        second = n.b(first) + first
        return n.last(n.c(second) + first)

    made = plan(body)
    assert made.steps["b"].skip == made.steps["c"].skip == "a"
    assert made.streams == {"a": "a", "b": "a", "c": "a"}


def test_affine_maps_behind_a_pixel_shuffle_repeat_over_its_positions():
    network = Small(lambda n, x: n.last(n.norm(n.shuffle(n.wide(n.a(x)))))).eval()
    with torch.no_grad():
        network.norm.running_mean.copy_(torch.arange(4.0))
    offsets = make_plan(network).steps["wide"].affines[1].offset
    assert np.array_equal(offsets.reshape(4, 4).argmin(0), [3] * 4) and (np.ptp(offsets.reshape(4, 4), axis=1) == 0).all()


def test_scalings_of_the_picture_are_the_first_convolution_s_inputs():
    steps = plan(lambda n, x: n.last(n.a(x * 2.0 * 0.25))).steps
    assert steps["a"].inputs.multiplier.tolist() == [0.5] * 3 and steps["last"].inputs.multiplier.tolist() == [1.0] * 4


def before_and_after_an_activation(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(n.relu(y)) + y)


def activated_and_added_to_itself(n: Small, x: Tensor) -> Tensor:
    y = n.b(n.a(x))
    return n.last(n.relu(y) + y)


def read_before_it_is_scaled(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    z = n.b(y)
    return n.last(n.c(y * 0.5) + z)


def read_before_it_is_normalized(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.c(n.norm(y)) + n.b(y))


def read_before_it_is_shuffled(n: Small, x: Tensor) -> Tensor:
    y = n.wide(n.a(x))
    return n.last(n.shuffle(y) + n.shuffle(y))


def read_before_it_is_added_to(n: Small, x: Tensor) -> Tensor:
    first = n.a(x)
    y = n.b(first)
    z = n.c(y)
    return n.last(z + (y + first))


def scaled_twice(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(y * 0.5) + n.c(y * 0.25))


def hidden_behind_an_identity(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(n.relu(n.identity(y))) + n.identity(y))


@pytest.mark.parametrize("body", [
    before_and_after_an_activation, activated_and_added_to_itself, read_before_it_is_scaled, read_before_it_is_normalized,
    read_before_it_is_shuffled, read_before_it_is_added_to, scaled_twice, hidden_behind_an_identity,
])  # fmt: skip
def test_a_value_used_both_before_and_behind_what_is_fused_into_it_is_refused(body):
    with pytest.raises(UserError, match="the result of layer (a|b|wide) is used both before and behind"):
        plan(body)


@pytest.mark.parametrize(("message", "body"), [
    ("pixel shuffle behind an addition or another", lambda n, x: n.last(n.second_shuffle(n.shuffle(n.wide(n.a(x)))))),
    ("pixel shuffle behind an addition or another", lambda n, x: n.last(n.shuffle(n.c(n.b(y := n.a(x))) + y))),
    ("a is applied more than once", lambda n, x: n.last(n.b(n.a(x)) + n.a(x))),
    ("c takes part in two additions in a row", lambda n, x: n.last((n.c(z := n.b(y := n.a(x))) + y) + z)),
    ("relu follows an addition or another", lambda n, x: n.last(n.relu(n.b(y := n.a(x)) + y))),
    ("scales a value behind an activation", lambda n, x: n.last(n.relu(n.a(x)) * 0.5)),
    ("add works on the picture before any convolution", lambda n, x: n.last(n.a(x)) + x),
    ("not made by its last convolution but by none", lambda n, x: x * 2),
    ("not made by its last convolution but by a", lambda n, x: (y := n.a(x), n.last(y))[0]),
    ("no convolution reads the result of layer b", lambda n, x: n.last(n.b(x) + n.a(x))),
    ("named arguments", lambda n, x: n.last(torch.add(n.b(y := n.a(x)), y, alpha=2))),
    ("sigmoid.* cannot be quantized yet", lambda n, x: n.last(torch.sigmoid(n.a(x)))),
])  # fmt: skip
def test_what_has_no_integer_form_is_refused_by_name(message, body):
    with pytest.raises(UserError, match=message):
        plan(body)
