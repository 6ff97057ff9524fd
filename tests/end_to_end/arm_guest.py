"""Runs inside the emulated arm64 machine: LIBRARY PICTURE.npy OUTPUT.npy."""

import sys

import numpy as np
import tvm
from tvm import relax

library, source, output = sys.argv[1:]
machine = relax.VirtualMachine(tvm.runtime.load_module(library), tvm.cpu())
np.save(output, machine["main"](tvm.runtime.tensor(np.load(source))).numpy())
