"""CUDA kernels: direct convolution by dp4a, and storing the picture."""
