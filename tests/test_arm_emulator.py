"""The emulated arm64 machine runs TVM and the modules this machine cross-compiles for arm64 processors."""

import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tvm
from arm_emulator import GuestError, require_emulator, run_python
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

from tvm_srq.linking import find_linker

pytestmark = pytest.mark.arm

RUNTIME_ONLY = {"TVM_USE_RUNTIME_LIB": "1"}
RUN_MODULE = """
import sys
import numpy as np
import tvm
from tvm.runtime.vm import VirtualMachine

library, inputs, output = sys.argv[1:]
machine = VirtualMachine(tvm.runtime.load_module(library), tvm.cpu())
arrays = np.load(inputs)
np.save(output, machine["main"](tvm.runtime.tensor(arrays["left"]), tvm.runtime.tensor(arrays["right"])).numpy())
"""


@I.ir_module
class PortableDot:
    """Sums of four products each, in plain arithmetic that every arm64 processor has."""

    @T.prim_func(s_tir=True)
    def dot(left: T.Buffer((16,), "int8"), right: T.Buffer((16,), "int8"), sums: T.Buffer((4,), "int32")):
        for i, k in T.grid(4, 4):
            with T.sblock("sums"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    sums[vi] = 0
                sums[vi] += T.cast(left[vi * 4 + vk], "int32") * T.cast(right[vi * 4 + vk], "int32")

    @R.function
    def main(left: R.Tensor((16,), "int8"), right: R.Tensor((16,), "int8")) -> R.Tensor((4,), "int32"):
        cls = PortableDot
        return R.call_tir(cls.dot, (left, right), out_ty=R.Tensor((4,), "int32"))


@I.ir_module
class InstructionDot:
    """The same with the dot product instruction, which a Cortex-A76 has and a Cortex-A53 has not."""

    @T.prim_func(s_tir=True)
    def dot(left: T.Buffer((16,), "int8"), right: T.Buffer((16,), "int8"), sums: T.Buffer((4,), "int32")):
        with T.sblock("sums"):
            T.reads(left[0:16], right[0:16])
            T.writes(sums[0:4])
            sums[T.ramp(0, 1, 4)] = T.call_llvm_intrin(
                "llvm.aarch64.neon.sdot.v4i32.v16i8",
                T.broadcast(T.int32(0), 4),
                left[T.ramp(0, 1, 16)],
                right[T.ramp(0, 1, 16)],
                dtype="int32x4",
            )

    @R.function
    def main(left: R.Tensor((16,), "int8"), right: R.Tensor((16,), "int8")) -> R.Tensor((4,), "int32"):
        cls = InstructionDot
        return R.call_tir(cls.dot, (left, right), out_ty=R.Tensor((4,), "int32"))


@pytest.fixture(autouse=True)
def emulator() -> None:
    require_emulator()


def link_shared(output: str, objects: list[str], **_: object) -> None:
    """Link with a linker alone, which needs no C library: a module's undefined symbols are TVM's, at load time."""
    subprocess.run([*find_linker("aarch64"), "-shared", "-o", output, *objects], check=True)


def run_on(cpu: str, module: tvm.IRModule, built_for: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The four sums that ``module``, compiled for one processor, gives on another, and the right ones."""
    target = tvm.target.Target({"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": built_for})
    tvm.compile(module, target=target).export_library(str(folder / "module.so"), fcompile=link_shared)
    left, right = np.random.default_rng(0).integers(-128, 128, (2, 16), dtype=np.int8)
    np.savez(folder / "inputs.npz", left=left, right=right)
    (folder / "run_module.py").write_text(RUN_MODULE)
    files = [folder / name for name in ("run_module.py", "module.so", "inputs.npz", "sums.npy")]
    run_python(*files, cpu=cpu, environment=RUNTIME_ONLY)
    expected = (left.astype(np.int32) * right).reshape(4, 4).sum(axis=1)
    return np.load(folder / "sums.npy"), expected


def test_imports_the_whole_of_tvm(tmp_path: Path) -> None:
    script = tmp_path / "versions.py"
    script.write_text("import platform, tvm, tvm.relax, tvm.rpc\nprint(platform.machine(), tvm.__version__)")
    assert run_python(script).stdout.split() == ["aarch64", tvm.__version__]


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a76", "max"])
def test_runs_a_portable_module(cpu: str, tmp_path: Path) -> None:
    sums, expected = run_on(cpu, PortableDot, "cortex-a53", tmp_path)
    np.testing.assert_array_equal(sums, expected)


@pytest.mark.parametrize("cpu", ["cortex-a76", "max"])
def test_runs_the_dot_product_instruction(cpu: str, tmp_path: Path) -> None:
    sums, expected = run_on(cpu, InstructionDot, "cortex-a76", tmp_path)
    np.testing.assert_array_equal(sums, expected)


def test_an_older_processor_refuses_the_dot_product_instruction(tmp_path: Path) -> None:
    """The emulated processors differ as real ones do: so a kernel that passes on one needs no more than it has."""
    with pytest.raises(GuestError) as caught:
        run_on("cortex-a53", InstructionDot, "cortex-a76", tmp_path)
    assert caught.value.returncode == -signal.SIGILL
