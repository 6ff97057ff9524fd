"""Float programs: what they mean, and that a file's are checked before anything is made of them."""

import json

import pytest
import torch

from tvm_srq.floats.evaluate import evaluate
from tvm_srq.floats.program import Instruction, Operand, Program

MAP = (((2, 1),), ((0, 1),), ((1, 1),))  # channels, rows and columns of an input by axes (rows, columns, channels)
SIZES = ((0, 0, 1), (0, 1, 1), 3)
WHOLE = (((0, 1),), ((1, 1),), ((2, 1),))


def program(*instructions: Instruction, shapes=(), output=((2,), (0,), (1,))) -> Program:
    return Program(instructions, shapes, output)


SCALED = program(Instruction("multiply", (Operand("input", 0, MAP), Operand("constant", 0, (((2, 1),),))), SIZES), shapes=((3,),))


def test_texts_are_of_one_program():
    assert Program.of(SCALED.text()) == SCALED and SCALED.size == 3 and SCALED.inputs == 1 and SCALED.channels() == 3


def test_constants_by_channel():
    values = torch.arange(24.0).reshape(3, 2, 4)
    factors = torch.tensor([1.0, -2.0, 0.5])
    assert torch.equal(evaluate(SCALED, [values], factors), values * factors[:, None, None])


def test_sums_means_and_largest():
    values = torch.randn(3, 4, 5)
    for reduction, expected in (("sum", values.sum(0)), ("mean", values.mean(0)), ("max", values.amax(0))):
        summed = Instruction("copy", (Operand("input", 0, MAP),), SIZES, 1, reduction)
        torch.testing.assert_close(evaluate(program(summed, output=((), (0,), (1,))), [values], None), expected[None])


def test_windows_are_a_way_of_indexing():
    """Rows of windows of 2 x 2 pixels, averaged."""
    values = torch.randn(3, 4, 6)
    index = (((2, 1),), ((0, 2), (3, 1)), ((1, 2), (4, 1)))
    averaged = Instruction("copy", (Operand("input", 0, index),), ((0, 0, 2), (0, 1, 2), 3, 2, 2), 2, "mean")
    expected = torch.nn.functional.avg_pool2d(values[None], 2)[0]
    torch.testing.assert_close(evaluate(program(averaged), [values], None), expected)


def test_constants_of_last_places():
    last = Instruction("add", (Operand("input", 0, MAP), Operand("constant", 0, (((0, 1),),), (0,))), SIZES)
    made = evaluate(program(last, shapes=((2,),)), [torch.zeros(3, 4, 2)], torch.tensor([5.0, 7.0]))
    assert made[0, :, 0].tolist() == [5, 5, 5, 7]


def test_matrix_products():
    first, second = torch.randn(3, 2, 5), torch.randn(3, 2, 5)
    index = (((0, 1),), ((2, 1),), ((3, 1),)), (((1, 1),), ((2, 1),), ((3, 1),))
    lengths = (3, 3, (0, 0, 1), (0, 1, 1))
    operands = (Operand("input", 0, index[0]), Operand("input", 1, index[1]))
    made = evaluate(program(Instruction("multiply", operands, lengths, 2, "sum"), output=((0, 1), (), ())), [first, second], None)
    torch.testing.assert_close(made.reshape(3, 3), torch.einsum("chw,dhw->cd", first, second))


def damaged(**changes) -> str:
    about = json.loads(SCALED.text())
    about["instructions"][0].update(changes)
    return json.dumps(about)


OPERAND = {"kind": "input", "number": 0, "index": MAP, "last": []}
DAMAGES = [
    "{}", "3", "[", '{"instructions":[],"shapes":[],"output":[[],[],[]]}', damaged(function="system"), damaged(lengths=[1, 2]),
    damaged(lengths=[0, 1, 3]), damaged(reduced=-1), damaged(reduced=1), damaged(reduction="product", reduced=1),
    damaged(operands=[]), damaged(operands=[{**OPERAND, "kind": "value"}] * 2), damaged(operands=[{**OPERAND, "number": -1}] * 2),
    damaged(operands=[{**OPERAND, "index": MAP[:2]}] * 2), damaged(operands=[{**OPERAND, "index": [[[9, 1]]] * 3}] * 2),
    damaged(operands=[{**OPERAND, "last": [0]}] * 2), damaged(lengths=[4, 4, 4]),
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGES)
def test_what_is_no_program_is_refused(text):
    with pytest.raises(ValueError):
        Program.of(text)
