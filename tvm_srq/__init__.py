"""Quantized image super-resolution on real hardware, through Apache TVM."""

__version__ = "0.1.0"
