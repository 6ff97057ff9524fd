"""Named targets: what TVM is told, how feature maps lie in memory, and which kernels there are."""

from dataclasses import dataclass
from typing import Any

from tvm.target import Target

from schedules.arm import rules as arm
from schedules.arm import units as arm_units
from schedules.registry import Rule
from schedules.workload import Layout
from schedules.x86 import rules as x86
from schedules.x86 import units as x86_units
from tvm_srq.errors import UserError


@dataclass(frozen=True)
class Preset:
    """A target by name.

    Attributes:
        name, description: for people.
        config: TVM's target, as a dict.
        layout: of feature maps in memory.
        rules: kernel rules, best first.
    """

    name: str
    description: str
    config: dict[str, Any]
    layout: Layout
    rules: list[tuple[str, Rule]]

    @property
    def target(self) -> Target:
        return Target(self.config)


def llvm(triple: str, cpu: str, *features: str) -> dict[str, Any]:
    config: dict[str, Any] = {"kind": "llvm", "mtriple": triple, "mcpu": cpu}
    return config | ({"mattr": list(features)} if features else {})


X86, ARM = "x86_64-linux-gnu", "aarch64-linux-gnu"
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("x86-64-v4", "x86 with AVX-512 VNNI and VBMI (Ice Lake, Zen 4 and later)",
               llvm(X86, "x86-64-v4", "+avx512vnni", "+avx512vbmi"), x86_units.VNNI.layout, x86.VNNI_RULES),
        Preset("x86-64-v3", "x86 with AVX2", llvm(X86, "x86-64-v3"), x86_units.AVX2.layout, x86.AVX2_RULES),
        Preset("x86-64-v2", "any x86 since 2009", llvm(X86, "x86-64-v2"), x86_units.SSE.layout, x86.SSE_RULES),
        Preset("aarch64-linux", "any 64-bit ARM", llvm(ARM, "generic", "+neon"), arm_units.LAYOUT, arm.NEON_RULES),
        Preset("aarch64-linux-a76", "ARM with dot products (Cortex-A76 and later)", llvm(ARM, "cortex-a76"),
               arm_units.LAYOUT, arm.SDOT_RULES),
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
