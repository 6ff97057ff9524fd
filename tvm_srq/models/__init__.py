"""Networks: detected from their state dict. Each module of this package with a ``FAMILY`` is one family."""

from tvm_srq.models.base import Family, Network
from tvm_srq.models.load import detect_network, load_checkpoint
from tvm_srq.models.registry import families
from tvm_srq.models.state_dict import read_state_dict

__all__ = [
    "Family", "Network", "detect_network", "families", "load_checkpoint", "read_state_dict",
]
