"""Convolution kernels for CPUs, generated for any vector unit that can multiply small integers (x86, ARM)."""
