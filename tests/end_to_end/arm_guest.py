"""Runs inside the emulated arm64 machine: ARTIFACT PICTURE.npy OUTPUT.npy."""

import sys

import numpy as np

from tvm_srq.runtime import Session

artifact, source, output = sys.argv[1:]
np.save(output, Session(artifact)(np.load(source)))
