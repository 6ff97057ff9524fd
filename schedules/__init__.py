"""Kernels by target. A rule takes a workload and a target and returns a kernel, or says why it does not apply."""
