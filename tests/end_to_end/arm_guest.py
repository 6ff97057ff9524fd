"""Runs inside the emulated arm64 machine: ARTIFACT PICTURES.npz OUTPUT.npz. Every picture through one Session."""

import sys

import numpy as np

from tvm_srq.runtime import Session

artifact, source, output = sys.argv[1:]
session = Session(artifact)
np.savez(output, **{name: session(picture) for name, picture in np.load(source).items()})
