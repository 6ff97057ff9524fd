"""What nvcc makes of the kernels for tensor cores: registers, no spills, fragments that go from load to product untouched."""

import re

import pytest
import tvm
from test_nvcc import ARCH, check_arithmetic, compile_to_ptx, disassemble
from test_tensor import WORKLOADS

from schedules.cuda.tensor import tensor_rule
from schedules.cuda.tensor_tile import SM86, choose_tensor_tile
from tvm_srq import nvcc
from tvm_srq.build import compile_to_source, cuda_source
from tvm_srq.targets import preset

REGISTERS = 65536  # of a multiprocessor
NAMES = {f"tensor_{i}": name for i, name in enumerate(WORKLOADS)}
FUNCTIONS = {number: tensor_rule(SM86)(WORKLOADS[name]).function for number, name in NAMES.items()}

INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([A-Z][\w.]*)", re.MULTILINE)


@pytest.fixture(scope="module")
def source() -> str:
    functions = {number: function.with_attr("global_symbol", number) for number, function in FUNCTIONS.items()}
    return cuda_source(compile_to_source(tvm.IRModule(functions), preset("cuda-sm86")).mod)


def test_registers_suffice_for_the_blocks_that_stay(toolkit, source):
    report: list[str] = []
    nvcc.compile_device_code(source, ARCH, report)
    text = "\n".join(report)
    assert set(re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", text)) == {"0"}
    used = dict(re.findall(r"entry function '(\w+?)(?:_kernel)?'.*?Used (\d+) registers", text, re.DOTALL))
    assert used.keys() == NAMES.keys()
    for number, registers in used.items():
        tile = choose_tensor_tile(WORKLOADS[NAMES[number]], SM86)
        assert int(registers) * tile.threads * tile.resident(SM86) <= REGISTERS, NAMES[number]


def test_ptx_multiplies_what_it_loaded(toolkit, source, tmp_path):
    ptx = compile_to_ptx(toolkit, source, tmp_path)
    check_arithmetic(ptx)
    for number, name in NAMES.items():
        code = ptx.split(f".entry {number}_kernel(")[1].split(".entry ")[0]
        loaded = set(re.findall(r"ldmatrix[.\w]* \{(.*?)\}", code))
        left = re.findall(r"mma\.sync\.aligned\.m16n8k32\.row\.col\.s32\.s8\.s8\.s32 \{.*?\}, \{(.*?)\}", code)
        assert left and "dp4a" not in code, name
        assert set(left) == loaded or (WORKLOADS[name].reads_picture and not loaded), name
        written = set(re.findall(r"^\s*(?:@%p\d+ )?[a-z][.\w]*\s+\{?(%r\d+(?:, %r\d+)*)\}?, ", code, re.MULTILINE))
        assert set(", ".join(left).split(", ")) <= set(", ".join(written).split(", ")), name


def test_products_of_matrices_need_few_loads(toolkit, tmp_path):
    plain = next(number for number, name in NAMES.items() if name == "plain")
    pieces = re.split(r"^\.L_x_\d+:", disassemble(toolkit, FUNCTIONS[plain], tmp_path), flags=re.MULTILINE)
    names = max((INSTRUCTION.findall(piece) for piece in pieces), key=lambda names: names.count("IMMA.16832.S8.S8"))
    # 9 taps x 2 fragments of depth x 4 rows x 4 fragments; 3 columns x 2 x 6 rows of the input; two loads of weights a tap
    # and depth; and two loads each of start values and both multipliers
    assert names.count("IMMA.16832.S8.S8") == 288
    assert names.count("LDSM.16.M88.4") == 36
    assert names.count("LDS.128") == 36 + 6
    assert not any(name.startswith(("LDL", "STL", "LDG")) for name in names)
