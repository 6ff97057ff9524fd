"""Named targets: what TVM is told, how feature maps lie in memory, and which kernels there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tvm.target import Target
from tvm.tirx import PrimFunc

from schedules.arm import rules as arm
from schedules.arm import units as arm_units
from schedules.cpu.picture import store_picture as cpu_picture
from schedules.cuda import rules as cuda
from schedules.cuda.packing import LAYOUT as CUDA_LAYOUT
from schedules.cuda.picture import store_picture as cuda_picture
from schedules.registry import Rule
from schedules.workload import Layout
from schedules.x86 import rules as x86
from schedules.x86 import units as x86_units
from tvm_srq.errors import UserError
from tvm_srq.execution.tiles import uses_tiles


@dataclass(frozen=True)
class Preset:
    """A target by name.

    Attributes:
        name, description: for people.
        config: TVM's target, as a dict.
        layout: of feature maps in memory.
        rules: kernel rules, best first.
        store_picture: (layout, halo, colours) -> the first kernel, which stores the uint8 picture.
    """

    name: str
    description: str
    config: dict[str, Any]
    layout: Layout
    rules: list[tuple[str, Rule]]
    store_picture: Callable[[Layout, int, int], PrimFunc] = cpu_picture

    @property
    def device(self) -> str:
        """Where kernels run: "cpu" or "cuda"."""
        return "cuda" if self.config["kind"] == "cuda" else "cpu"

    @property
    def host(self) -> dict[str, Any]:
        """TVM's target of the processor that calls the kernels."""
        return self.config if self.device == "cpu" else llvm(X86, "x86-64-v2")

    @property
    def machine(self) -> str:
        """The host's machine name, as linkers have it."""
        return self.host["mtriple"].split("-")[0]

    @property
    def uses_tiles(self) -> bool:
        """Whether kernels use the tiles that Linux wants to be asked for (tvm_srq.execution.tiles)."""
        return uses_tiles(self.config)

    @property
    def target(self) -> Target:
        return Target(self.config) if self.device == "cpu" else Target(self.config, host=self.host)


def llvm(triple: str, cpu: str, *features: str) -> dict[str, Any]:
    config: dict[str, Any] = {"kind": "llvm", "mtriple": triple, "mcpu": cpu}
    return config | ({"mattr": list(features)} if features else {})


def arm_presets(name: str, system: str, triple: str) -> list[Preset]:
    """The presets of one operating system's 64-bit ARM machines, for whatever processor and for three generations.

    Of the processors' features only those that every phone and board with them offers: kernels often hide SVE from programs.
    """
    processors = (
        ("", "any 64-bit processor", llvm(triple, "generic", "+neon"), arm.NEON_RULES),
        ("-a55", "dot products, in order (Cortex-A55)", llvm(triple, "cortex-a55"), arm.SDOT_IN_ORDER_RULES),
        ("-a76", "dot products (Cortex-A76 and later)", llvm(triple, "cortex-a76"), arm.SDOT_RULES),
        ("-x2", "8-bit matrix products (Cortex-X2, A510, A710 and later)", llvm(triple, "cortex-x2", *NO_SVE), arm.I8MM_RULES),
    )
    return [
        Preset(name + suffix, f"{system}, {described}", config, arm_units.LAYOUT, rules)
        for suffix, described, config, rules in processors
    ]


def cuda_preset(arch: str, capability: str, rules: list[tuple[str, Rule]]) -> Preset:
    """A preset of NVIDIA's GPUs from a compute capability on."""
    description = f"NVIDIA GPUs of compute capability {capability} and later"
    return Preset(f"cuda-{arch.replace('_', '')}", description, {"kind": "cuda", "arch": arch}, CUDA_LAYOUT, rules, cuda_picture)


X86 = "x86_64-linux-gnu"
AMX = ("+amx-tile", "+amx-int8")
NO_SVE = ("-sve", "-sve2", "-sve-bitperm", "-sve2-bitperm")
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("x86-64-amx", "x86 with AMX on bytes (Sapphire Rapids and later)",
               llvm(X86, "x86-64-v4", "+avx512vnni", "+avx512vbmi", *AMX), x86_units.VNNI.layout, x86.AMX_RULES),
        Preset("x86-64-v4", "x86 with AVX-512 VNNI and VBMI (Ice Lake, Zen 4 and later)",
               llvm(X86, "x86-64-v4", "+avx512vnni", "+avx512vbmi"), x86_units.VNNI.layout, x86.VNNI_RULES),
        Preset("x86-64-v3", "x86 with AVX2", llvm(X86, "x86-64-v3"), x86_units.AVX2.layout, x86.AVX2_RULES),
        Preset("x86-64-v2", "any x86 since 2009", llvm(X86, "x86-64-v2"), x86_units.SSE.layout, x86.SSE_RULES),
        *arm_presets("aarch64-linux", "ARM Linux", "aarch64-linux-gnu"),
        *arm_presets("android-arm64", "Android 7 (API level 24) and later", "aarch64-linux-android"),
        cuda_preset("sm_75", "7.5 (RTX 20, T4)", cuda.DP4A_RULES),
        cuda_preset("sm_80", "8.0 (A100)", cuda.SM80_RULES),
        cuda_preset("sm_86", "8.6 (RTX 30, A10)", cuda.SM86_RULES),
        cuda_preset("sm_89", "8.9 (RTX 40, L4)", cuda.SM86_RULES),
        cuda_preset("sm_90", "9.0 (H100)", cuda.SM90_RULES),
    )
}  # fmt: skip


def preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        UserError: there is none; the message lists them.
    """
    if name not in PRESETS:
        raise UserError(f"there is no target {name}; targets: {', '.join(PRESETS)}")
    return PRESETS[name]
