"""Where the time goes: every layer's milliseconds, multiply-adds a second, and share of the machine's dot-product peak."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.errors import UserError
from tvm_srq.execution.host import Action, HostExecution
from tvm_srq.execution.strips import Call
from tvm_srq.program import Program
from tvm_srq.runtime import Session

COPIES = "rows carried over"
# multiplies of a direct kernel over those of F(2x2, 3x3), for four outputs, and of F(4x4, 3x3), for 16
WINOGRAD_SAVINGS = {"winograd": 36 / 16, "winograd4": 144 / 36}
Clock = Callable[[], float]


@dataclass(frozen=True)
class LayerTime:
    """One step of the program.

    Attributes:
        layer, kernel: names; the kernel's as ``inspect`` shows it.
        calls: kernel calls for a picture, one in every strip.
        seconds: of all of them; the median of some pictures.
        macs: multiply-adds of the layer as a network's description counts them, without padding.
        saving: multiply-adds counted for each one done: more than 1 for Winograd kernels.
    """

    layer: str
    kernel: str
    calls: int
    seconds: float
    macs: int
    saving: float = 1.0


class TimedExecution(HostExecution):
    """Adds up the time of every step's kernel calls.

    Attributes:
        spent: seconds by step, of everything since it was cleared.
        calls: kernel calls by step.
    """

    def __init__(self, program: Program, kernel: Callable[[str], Any], height: int, width: int, clock: Clock):
        self.clock = clock
        self.spent = [0.0] * len(program.steps)
        self.calls = [0] * len(program.steps)
        super().__init__(program, kernel, height, width)

    def bind(self, call: Call, index: int) -> Action:
        action, step, clock, spent = super().bind(call, index), call.step, self.clock, self.spent
        self.calls[step] += 1

        def timed() -> None:
            start = clock()
            action()
            spent[step] += clock() - start

        return timed


def time_layers(session: Session, height: int, width: int, rounds: int, clock: Clock) -> list[LayerTime]:
    """Times of every step, and of all copying of rows between strips as a last line.

    Raises:
        UserError: the network is compiled for a GPU, whose kernels overlap.
    """
    if session.manifest["device"] != "cpu":
        raise UserError(f"target {session.manifest['target']} is no CPU; time its layers with the GPU vendor's profiler")
    picture = sample_picture(height, width, session.program.channels)
    execution = TimedExecution(session.program, session.library.get_function, height, width, clock)
    execution(picture)
    samples = []
    for _ in range(rounds):
        execution.spent[:] = [0.0] * len(execution.spent)
        start = clock()
        execution(picture)
        total = clock() - start
        samples.append([*execution.spent, total - sum(execution.spent)])
    medians = [statistics.median(times) for times in zip(*samples, strict=True)]
    layers = [
        layer_time(session.program, session.manifest, index, height, width, execution.calls[index], medians[index])
        for index in range(len(session.program.steps))
    ]
    return [*layers, LayerTime(COPIES, "", 0, medians[-1], 0)]


def layer_time(
    program: Program, manifest: dict[str, Any], index: int, height: int, width: int, calls: int, seconds: float
) -> LayerTime:
    """The time of a step, with what the artifact's manifest says of it."""
    step = program.steps[index]
    described = next((row for row in manifest["kernels"] if (row["layer"], row["function"]) == (step.layer, step.kernel)), None)
    if described is None or described["workload"] is None:
        return LayerTime(step.layer, step.kernel if described is None else described["kernel"], calls, seconds, 0)
    workload, output = described["workload"], program.maps[step.outputs[0]]
    macs = output.size(height) * output.size(width) // workload["shuffle"] ** 2 * pixel_macs(workload)
    saving = WINOGRAD_SAVINGS.get(described["kernel"].partition(".")[0], 1.0)
    return LayerTime(step.layer, described["kernel"], calls, seconds, macs, saving)


def pixel_macs(workload: dict[str, Any]) -> int:
    """Multiply-adds of one pixel of a convolution's input (its own output, before a pixel shuffle)."""
    return workload["kernel"] ** 2 * workload["in_channels"] // workload["groups"] * workload["out_channels"]


def roofline(layers: Sequence[LayerTime], peak: float) -> list[str]:
    """A table: one line a layer, then their sum. ``peak`` is in multiply-adds a second.

    "of peak" counts what the layer computes, as if by direct convolution, and can exceed 100 % for Winograd kernels;
    "busy" counts the multiply-adds that are really done; those of F(4x4, 3x3) are of 16 bits, so that half is all it can reach.
    """
    names = max(len(layer.layer) for layer in layers)
    kernels = max(len(layer.kernel) for layer in layers)
    head = f"{'layer':{names}}  {'kernel':{kernels}}  calls        ms   share     GMAC   GMAC/s  of peak    busy"
    seconds, macs = sum(layer.seconds for layer in layers), sum(layer.macs for layer in layers)
    total = LayerTime("all", "", 0, seconds, macs, macs / max(sum(layer.macs / layer.saving for layer in layers), 1))
    return [head, *(line(layer, seconds, peak, names, kernels) for layer in (*layers, total))]


def line(layer: LayerTime, seconds: float, peak: float, names: int, kernels: int) -> str:
    text = f"{layer.layer:{names}}  {layer.kernel:{kernels}}  {layer.calls or '':>5}  {1e3 * layer.seconds:8.3f}"
    text += f"  {layer.seconds / seconds:6.1%}"
    if layer.macs == 0 or layer.seconds == 0:
        return text
    speed = layer.macs / layer.seconds
    return f"{text}  {layer.macs / 1e9:7.3f}  {speed / 1e9:7.1f}  {speed / peak:7.1%}  {speed / layer.saving / peak:6.1%}"
