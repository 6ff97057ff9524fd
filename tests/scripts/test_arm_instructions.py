"""Counting instructions: programs whose counts are known, the frame's difference, the table."""

import subprocess
from dataclasses import astuple
from pathlib import Path

import pytest
from tools import require_tools

from benchmark_arm_instructions import Row, main, markdown
from tvm_srq.benchmark.instructions import EMULATOR, Counts, count, count_frame

COMPILER = "aarch64-linux-gnu-gcc"
KINDS = {
    "loads": """
        ldr w3, [x2]; ldr x3, [x2, 8]; ldrb w3, [x2], 1; ldrsw x3, [x2, x9]; ldr q6, [x2]; ldr d6, [x2, x9]; ldur b6, [x2, 1]
        ldp x3, x4, [x2]; ldp q6, q7, [x2]; ldnp x3, x4, [x2]; ld1 {v6.16b, v7.16b}, [x2]; ld1r {v6.4s}, [x2]
        ld1 {v6.b}[3], [x2]; ldr x3, base; ldr q6, base; ldxr x3, [x5]; ldar x3, [x5]
        ptrue p0.b; ld1b {z6.b}, p0/z, [x2]; ldr z6, [x2]
    """,
    "stores": """
        str w3, [x5]; strb w3, [x5], 1; strh w3, [x5, x9]; str q6, [x5]; str d6, [x5, x9]; stur b6, [x5, 1]
        stp x3, x4, [x5]; stp q6, q7, [x5]; st1 {v6.16b, v7.16b}, [x5]; st1 {v6.b}[3], [x5]; stlr x3, [sp]
        ptrue p0.b; st1b {z6.b}, p0, [x5]; str z6, [x5]
    """,
    "dots": """
        sdot v0.4s, v1.16b, v2.16b; udot v0.2s, v1.8b, v2.8b; usdot v0.4s, v1.16b, v2.16b
        sdot v0.4s, v1.16b, v2.4b[1]; udot v0.4s, v1.16b, v2.4b[3]; usdot v0.4s, v1.16b, v2.4b[2]; sudot v0.4s, v1.16b, v18.4b[0]
        smmla v0.4s, v1.16b, v2.16b; ummla v0.4s, v1.16b, v2.16b; usmmla v0.4s, v1.16b, v2.16b
        sdot z0.s, z1.b, z2.b; udot z0.s, z1.b, z2.b; smmla z0.s, z1.b, z2.b
    """,
    "multiplies": """
        smull v0.8h, v1.8b, v2.8b; umull2 v0.8h, v1.16b, v2.16b; smlal v0.8h, v1.8b, v2.8b; smlal2 v0.4s, v1.8h, v2.8h
        umlsl v0.8h, v1.8b, v2.8b; smlal v0.4s, v1.4h, v2.h[3]; smull v0.4s, v1.4h, v2.h[1]; mla v0.8h, v1.8h, v2.8h
        mul v0.16b, v1.16b, v2.16b; mul v0.8h, v1.8h, v2.h[0]; mla v0.4s, v1.4s, v2.s[1]; mls v0.8h, v1.8h, v2.h[5]
    """,
    "instructions": """
        add x3, x3, 1; saddl v0.8h, v1.8b, v2.8b; sadalp v0.4s, v1.8h; fmla v0.4s, v1.4s, v2.4s; mul x3, x3, x9
        prfm pldl1keep, [x2]; tbl v0.16b, {v1.16b}, v2.16b; sqrdmulh v0.8h, v1.8h, v2.8h; fmul v0.4s, v1.4s, v2.s[1]
    """,
}
OTHERS = {"loads": ["ptrue"], "stores": ["ptrue"]}  # among them, but of no kind themselves


@pytest.fixture(scope="module")
def tools():
    require_tools(COMPILER, EMULATOR, "gcc")


def instructions_of(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", ";").split(";") if part.strip()]


def assemble(folder: Path, body: list[str]) -> Path:
    """A program without a C library: x2 and x5 point to memory, x9 is 8; 8 instructions besides the body's."""
    source, program = folder / "program.S", folder / "program"
    begin = ["adr x2, base", "mov x5, x2", "sub sp, sp, 256", "mov x5, sp", "mov x9, 8"]
    end = ["mov x0, 0", "mov x8, 93", "svc 0"]
    lines = [".arch armv8.6-a+sve+i8mm", ".globl _start", "_start:", *begin, *body, *end, ".balign 16", "base: .space 256", ""]
    source.write_text("\n".join(lines))
    subprocess.run([COMPILER, "-nostdlib", "-static", "-o", str(program), str(source)], check=True)
    return program


@pytest.mark.arm
@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("kind", KINDS)
def test_every_instruction_is_of_its_kind(tmp_path, kind):
    body = instructions_of(KINDS[kind])
    program = assemble(tmp_path, body)
    counts = count(lambda emulator: subprocess.run([*emulator, "-cpu", "max", program], check=True))
    expected = dict.fromkeys(("loads", "stores", "dots", "multiplies"), 0)
    expected[kind] = sum(line.split()[0] not in OTHERS.get(kind, []) for line in body)
    assert counts == Counts(**{**expected, "instructions": len(body) + 8})


@pytest.mark.arm
@pytest.mark.usefixtures("tools")
def test_loops_are_counted_as_often_as_they_run_and_start_up_is_not(tmp_path):
    loop = ["mov x10, {}", "1: sdot v0.4s, v1.16b, v2.16b", "ldr q6, [x2]", "subs x10, x10, 1", "b.ne 1b"]

    def run(emulator, frames):
        program = assemble(tmp_path, [loop[0].format(100 * frames), *loop[1:]])
        subprocess.run([*emulator, "-cpu", "max", program], check=True)

    assert count_frame(run) == Counts(instructions=400, loads=100, stores=0, dots=100, multiplies=0)


def test_the_table_gives_millions_and_ratios_to_ncnn():
    ours, ncnn = Counts(60_000_000, 5, 0, 0, 0), Counts(100_000_000, 0, 0, 40_040_000, 0)
    rows = [Row("cortex-a76", "W4A4", ours, 40.0), Row("cortex-a76", "ncnn int8", ncnn, 41.0), Row("max", "W4A4", ours, 40.0)]
    lines = markdown(rows).splitlines()
    assert lines[2] == "| cortex-a76 | W4A4 | 60.0 | 0.60 | 0.0 | 0.0 | 0.0 | 0.0 | 40.00 |"
    assert lines[3] == "| cortex-a76 | ncnn int8 | 100.0 | 1.00 | 0.0 | 0.0 | 40.0 | 0.0 | 41.00 |"
    assert lines[4] == "| max | W4A4 | 60.0 |  | 0.0 | 0.0 | 0.0 | 0.0 | 40.00 |"
    assert ncnn.per_frame(Counts(*(3 * value for value in astuple(ncnn))), 2) == ncnn


@pytest.mark.parametrize(("arguments", "message"), [
    (["--processors", "z80"], "there is no processor z80"), (["--peers", "tflite"], "there is no peer tflite"),
    (["--ours", "W9"], "--ours W9 is none of"), (["--json", "missing/out.json"], "does not exist"),
])  # fmt: skip
def test_wrong_input_gets_one_sentence(capsys, arguments, message):
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("benchmark_arm_instructions: ") and message in said[0]
