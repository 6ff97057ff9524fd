"""Kernels of the integer steps between convolutions (tvm_srq.steps): one description for CPUs and CUDA."""

from schedules.steps.maps import StepKernel, StoredMap
from schedules.steps.registry import step_kernel

__all__ = ["StepKernel", "StoredMap", "step_kernel"]
