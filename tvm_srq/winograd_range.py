"""Which 3x3 kernels exact Winograd F(2x2, 3x3) takes in int8: those whose transforms fit, whatever their single weights.

The transform (2G) w (2G)^T of one input channel's kernel has 16 values: four times a corner, twice the signed sum of a side, the
signed sum of all nine. Nine weights of 14 fit; so does a kernel with one weight of 31 among small ones, as trained ones are.
So kernels may have codes of 6 bits where a bound on single weights would leave them fewer than 5.
"""

import numpy as np
from numpy.typing import NDArray

DOUBLED_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])  # twice Lavin and Gray's G: integers
TRANSFORM = np.kron(DOUBLED_G, DOUBLED_G).astype(np.float64)  # of a kernel's nine weights side by side
INT8 = 127
ROUNDING = 4.5  # nine weights, each rounded by half a code at most, change a transformed value by no more
MOST_BITS = 6  # kernels of wider weights would lose too much; those of 4 bits always fit


def largest_transformed(weight: NDArray) -> NDArray[np.float64]:
    """(O, I, 3, 3) -> (O, I): the largest magnitude of every kernel's transform; of integers exactly.

    One product of matrices in floats, for quantizing asks very often: products of integers have no BLAS.
    """
    transformed = TRANSFORM @ weight.reshape(-1, 9).astype(np.float64).T
    return np.abs(transformed, out=transformed).max(0).reshape(weight.shape[:2])


def shrink_into_range(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(O, I, 3, 3) unrounded codes, those kernels that would not fit made smaller: rounded to nearest, all fit."""
    largest = np.maximum(largest_transformed(codes), 1e-30)
    return codes * np.minimum((INT8 - ROUNDING) / largest, 1)[:, :, None, None]


def rounded_into_range(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Integer codes, those kernels that do not fit made smaller and rounded again."""
    beyond = largest_transformed(codes.astype(np.int64)) > INT8
    fitting = np.rint(shrink_into_range(codes.astype(np.float64))).astype(np.int8)
    return np.where(beyond[:, :, None, None], fitting, codes)
