"""Which targets this processor runs. Asked of TVM's own list of a target's features, so that a typing error cannot skip tests."""

from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS
from tvm_srq.tuning.host import require_runs_here

X86 = ("x86-64-amx", "x86-64-v4", "x86-64-v3", "x86-64-v2")


def runs_here(target: str) -> bool:
    try:
        require_runs_here(PRESETS[target])
    except UserError:
        return False
    return True
