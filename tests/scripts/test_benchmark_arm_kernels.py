"""What LLVM makes of the ARM kernels' inner loops: the right instructions, and no register spilled to the stack."""

import re
import shutil

import pytest
from tools import require_tools

import benchmark_arm_kernels as script
from schedules.workload import Convolution, Kernel
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS

DOTS = {"sdot": r"sdot v\d+\.4s, v\d+\.16b, v\d+\.4b\[[0-3]\]", "smmla": r"smmla v\d+\.4s",
        "neon": r"sm[lu][la]l2? v\d+\.(8h|4s)"}  # fmt: skip
CASES = [(name, rule, layer) for name in script.PROCESSORS for rule, _ in PRESETS[name].rules for layer in script.LAYERS
         if rule != "generic" and not (layer == "W8A8" and rule.startswith("winograd."))]  # fmt: skip


@pytest.mark.parametrize(("name", "rule", "layer"), CASES)
def test_inner_loops_multiply_and_spill_nothing(name, rule, layer):
    require_tools("aarch64-linux-gnu-objdump")
    kernel = dict(PRESETS[name].rules)[rule](script.layer(64, layer))
    assert isinstance(kernel, Kernel)
    loops = [loop for loop in script.innermost_loops(script.disassemble(kernel, PRESETS[name])) if loop.macs]
    assert loops
    largest = max(loops, key=lambda loop: loop.macs)
    assert largest.spills == 0
    kind = rule.split(".")[1]
    dots = [f"{i.name} {i.operands}" for i in largest.body if i.macs]
    assert all(re.match(DOTS[kind], dot) for dot in dots)
    if kind != "neon":  # nearly nothing but dot products
        assert len(largest.body) < 1.45 * len(dots)


def test_only_what_a_processor_has_is_used():
    require_tools("aarch64-linux-gnu-objdump")
    for name, forbidden in (("aarch64-linux", r"[su]dot|mmla"), ("aarch64-linux-a76", "mmla")):
        for _, rule in PRESETS[name].rules:
            kernel = rule(Convolution(16, 16, 3, in_halo=1, out_halo=1, codes="table", in_magnitude=31, weight_magnitude=7))
            assert isinstance(kernel, Kernel)
            assert not [i for i in script.disassemble(kernel, PRESETS[name]) if re.search(forbidden, i.name)]


def test_loops_are_found_by_their_backward_jumps():
    lines = ["  0:\tmov\tx0, #0x2", "  4:\tldr\tq0, [x1]", "  8:\tsdot\tv1.4s, v0.16b, v2.4b[1]", "  c:\tldr\tq3, [sp, #16]",
             " 10:\tsubs\tx0, x0, #0x1", " 14:\tb.ne\t4 <main+0x4>", " 18:\tb\t0 <main>"]  # fmt: skip
    code = [instruction for line in lines if (instruction := script.parse(line, 0)) is not None]
    [loop] = script.innermost_loops(code)
    assert [i.name for i in loop.body] == ["ldr", "sdot", "ldr", "subs", "b.ne"]
    assert (loop.macs, loop.count("ld"), loop.spills) == (16, 2, 1)


def test_a_missing_tool_names_its_package(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: None if "mca" in tool else tool)
    with pytest.raises(UserError, match="llvm-mca of LLVM 16 or later is not installed; install Debian's llvm-19"):
        script.find_model()


def test_modelled_cycles():
    try:
        model = script.find_model()
    except UserError as error:
        pytest.skip(str(error))
    body = [script.Instruction(0, "sdot", f"v{i}.4s, v30.16b, v31.4b[0]", None) for i in range(16)]
    assert script.modelled_cycles(model, script.Loop(body), "neoverse-n1") == pytest.approx(8, rel=0.05)  # two a cycle
