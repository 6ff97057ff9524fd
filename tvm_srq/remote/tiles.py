"""Asking a device's Linux for AMX tiles: by a small kernel, as TVM's own servers offer no other way."""

from typing import Any

import numpy as np

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import without_torch
from tvm_srq.execution.tiles import ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA, refusal, uses_tiles
from tvm_srq.remote.device import Device
from tvm_srq.remote.library import build_library
from tvm_srq.targets import preset

with without_torch():
    import tvm
    from tvm.script.ir_builder import IRBuilder
    from tvm.script.ir_builder import tirx as T


def request_kernel() -> tvm.IRModule:
    """A function that makes the system call and writes what it returns: 0, or -1."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        answer = T.arg("answer", T.buffer((1,), "int64"))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        numbers = (T.int64(number) for number in (ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA))
        T.buffer_store(answer, T.call_extern("int64", "syscall", *numbers), [0])
    return tvm.IRModule({"main": builder.get()})


def request_remote_tiles(device: Device, config: dict[str, Any]) -> None:
    """Ask for the process that serves this connection, if kernels for the TVM target ``config`` use tiles.

    Raises:
        UserError: the device's system refuses.
    """
    if not uses_tiles(config):
        return
    with device.guard("ask its system for AMX tiles"):
        answer = device.upload(np.zeros(1, np.int64))
        device.load_library(build_library(request_kernel(), preset("x86-64-v2")))["main"](answer)
        granted = int(answer.numpy()[0]) == 0
    if not granted:
        raise UserError(refusal(device.name))
