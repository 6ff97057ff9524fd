"""Modelled cycles of the ARM kernels' inner loops: llvm-mca's model of each processor, on what LLVM made of one layer.

    python scripts/benchmark_arm_kernels.py [--channels 64]

For a 3x3 convolution of 64 to 64 channels at W4A4 and W8A8, every rule of every ARM target: the kernel's largest innermost
loop (its dot products), how many instructions it has and of which kind, and the cycles of one iteration as llvm-mca models them.
"effective" counts multiply-adds as a direct convolution has them. A model knows pipelines and latencies, but neither caches nor
memory: cycles are a way to compare kernels, not a speed. Needs Debian's llvm-19 and binutils-aarch64-linux-gnu.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tvm

from schedules.workload import Convolution, Kernel
from tvm_srq.benchmark.layers import WINOGRAD_SAVINGS
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS, Preset

PROCESSORS = {"aarch64-linux": "cortex-a55", "aarch64-linux-a55": "cortex-a55", "aarch64-linux-a76": "neoverse-n1",
              "aarch64-linux-x2": "neoverse-n2"}  # fmt: skip
"""Whose model is taken. LLVM has none of the A53, A76 and X2: the N1 is the A76 for servers, the N2 is near the X2."""
OLDEST = 16  # LLVM with models of the Neoverse cores
LAYERS = {"W4A4": (31, 7), "W8A8": (255, 127)}  # largest codes and weights
PRODUCTS = {"sdot": 16, "smmla": 32, "usmmla": 32, "smull": 8, "smull2": 8, "smlal": 8, "smlal2": 8}
"""Multiply-adds of an instruction on bytes; on 16-bit operands half as many."""
JUMP = re.compile(r"\b([0-9a-f]+) <.*>")


@dataclass(frozen=True)
class Instruction:
    """``target``: the address it branches to, if it does."""

    address: int
    name: str
    operands: str
    target: int | None

    @property
    def macs(self) -> int:
        count = PRODUCTS.get(self.name, 0)
        return count // 2 if ".4s" in self.operands.split(",")[0] and self.name.startswith(("smull", "smlal")) else count


@dataclass(frozen=True)
class Loop:
    """An innermost loop's instructions, in order."""

    body: list[Instruction]

    @property
    def macs(self) -> int:
        return sum(instruction.macs for instruction in self.body)

    def count(self, *prefixes: str) -> int:
        return sum(instruction.name.startswith(prefixes) for instruction in self.body)

    @property
    def spills(self) -> int:
        """Vector registers saved to the stack or fetched from it."""
        return sum(
            instruction.name.startswith(("ld", "st")) and "[sp" in instruction.operands and instruction.operands.startswith("q")
            for instruction in self.body
        )


def find_model() -> str:
    """The newest llvm-mca that knows the processors.

    Raises:
        UserError: there is none, or no disassembler.
    """
    if shutil.which("aarch64-linux-gnu-objdump") is None:
        raise UserError("aarch64-linux-gnu-objdump is not installed; install Debian's binutils-aarch64-linux-gnu")
    for name in [*(f"llvm-mca-{version}" for version in range(OLDEST + 14, OLDEST - 1, -1)), "llvm-mca"]:
        if shutil.which(name) is not None:
            shown = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
            version = re.search(r"LLVM version (\d+)", shown)
            if version is not None and int(version[1]) >= OLDEST:
                return name
    raise UserError(f"llvm-mca of LLVM {OLDEST} or later is not installed; install Debian's llvm-19")


def disassemble(kernel: Kernel, preset: Preset) -> list[Instruction]:
    """What LLVM makes of a kernel."""
    module = tvm.IRModule({"main": kernel.function.with_attr("global_symbol", "main")})
    with tempfile.TemporaryDirectory() as folder:
        objects: list[str] = []
        tvm.compile(module, target=preset.target).export_library(
            str(Path(folder) / "kernel.so"), fcompile=lambda output, files, **_: keep(Path(output), files, folder, objects)
        )
        command = ["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn"]
        texts = [subprocess.run([*command, file], capture_output=True, text=True, check=True).stdout for file in objects]
    code, section = [], 0
    for line in "".join(texts).splitlines():
        section += line.startswith("Disassembly of section")
        parsed = parse(line, section << 32)  # addresses begin anew in every section
        code += [] if parsed is None else [parsed]
    return code


def keep(output: Path, files: list[str], folder: str, objects: list[str]) -> None:
    """In place of linking: copies of the object files, which are deleted otherwise."""
    for number, file in enumerate(files):
        objects.append(shutil.copy(file, Path(folder) / f"kept{number}.o"))
    output.touch()


def parse(line: str, base: int) -> Instruction | None:
    """One line of a disassembly, its section at ``base``."""
    match = re.match(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$", line)
    if match is None or line.endswith(":"):
        return None
    address, name, operands = base + int(match[1], 16), match[2], match[3].split("//")[0].strip()
    jump = JUMP.search(operands) if name.startswith(("b", "cb", "tb")) and name not in ("bl", "blr") else None
    return Instruction(address, name, operands, base + int(jump[1], 16) if jump else None)


def innermost_loops(code: list[Instruction]) -> list[Loop]:
    """From the target of a backward jump to the jump, where no other loop lies between."""
    place = {instruction.address: index for index, instruction in enumerate(code)}
    spans = [(place[i.target], at) for at, i in enumerate(code) if i.target in place and i.target <= i.address]
    inner = [span for span in spans if not any(span != o and span[0] <= o[0] and o[1] <= span[1] for o in spans)]
    return [Loop(code[first : last + 1]) for first, last in inner]


def modelled_cycles(model: str, loop: Loop, processor: str, iterations: int = 200) -> float:
    """Cycles of an iteration, as llvm-mca models them."""
    lines = [f"{i.name} {JUMP.sub('.', i.operands)}" for i in loop.body]
    arguments = [model, "-mtriple=aarch64", f"-mcpu={processor}", "-mattr=+dotprod,+i8mm", f"-iterations={iterations}"]
    result = subprocess.run(arguments, input="\n".join(lines), capture_output=True, text=True, check=True)
    return int(re.search(r"Total Cycles:\s+(\d+)", result.stdout)[1]) / iterations  # type: ignore[index]


def layer(channels: int, precision: str) -> Convolution:
    """A 3x3 convolution in the middle of a network."""
    codes, weights = LAYERS[precision]
    return Convolution(channels, channels, 3, in_halo=1, out_halo=1, codes="table", in_magnitude=codes,
                       weight_magnitude=weights, packable=True)  # fmt: skip


def rows(channels: int, model: str) -> list[str]:
    """The table, cycles by the program ``model``."""
    names = f"{'target':18} {'layer':5} {'kernel':15} {'macs':>5} {'instr':>5} {'dots':>4} {'loads':>5} {'spills':>6}"
    lines = [f"{names}  {'model':11} cycles  macs/cycle  effective"]
    for name, processor in PROCESSORS.items():
        for precision in LAYERS:
            for rule, build in PRESETS[name].rules:
                kernel = build(layer(channels, precision))
                if rule == "generic" or not isinstance(kernel, Kernel):
                    continue
                loop = max(innermost_loops(disassemble(kernel, PRESETS[name])), key=lambda loop: loop.macs)
                cycles = modelled_cycles(model, loop, processor)
                lines.append(row(name, processor, precision, kernel, loop, cycles))
    return lines


def row(name: str, processor: str, precision: str, kernel: Kernel, loop: Loop, cycles: float) -> str:
    dots = sum(i.macs > 0 for i in loop.body)
    saving = WINOGRAD_SAVINGS.get(kernel.name.partition(".")[0], 1.0)
    counts = f"{loop.macs:5} {len(loop.body):5} {dots:4} {loop.count('ld'):5} {loop.spills:6}"
    speed = f"{cycles:6.1f}  {loop.macs / cycles:10.1f}  {saving * loop.macs / cycles:9.1f}"
    return f"{name:18} {precision:5} {kernel.name:15} {counts}  {processor:11} {speed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=64)
    parsed = parser.parse_args()
    try:
        model = find_model()
    except UserError as error:
        raise SystemExit(str(error)) from error
    print("\n".join(rows(parsed.channels, model)))


if __name__ == "__main__":
    main()
