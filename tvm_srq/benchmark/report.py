"""The ``benchmark`` command."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tvm_srq.benchmark.frames import describe_frames, time_frames
from tvm_srq.files import require_folder, require_other, write_json
from tvm_srq.remote.address import DeviceAddress


def benchmark(
    path: str | Path, height: int, width: int, rounds: int = 15, threads: int = 1, per_layer: bool = False,
    json_path: str | Path | None = None, device: DeviceAddress | None = None,
) -> str:
    """Time a ``.tar`` on pictures of one size, here or on a device; the figures as text, and as JSON where ``json_path`` says.

    Raises:
        UserError: no such artifact, or ``per_layer`` for one that runs on no CPU; or the device is not to be had, or is lost.
    """
    if json_path is not None:
        require_folder(Path(json_path))
        require_other(json_path, path)
    if device is not None:
        from tvm_srq.benchmark.device import benchmark_device

        lines, figures = benchmark_device(path, height, width, rounds, threads, per_layer, device)
    else:
        lines, figures = benchmark_here(path, height, width, rounds, threads, per_layer)
    if json_path is not None:
        write_json(json_path, figures)
    return "\n".join(lines)


def benchmark_here(
    path: str | Path, height: int, width: int, rounds: int, threads: int, per_layer: bool
) -> tuple[list[str], dict[str, Any]]:
    """On this machine; the figures as lines for people, and as JSON values."""
    session, times = time_frames(path, height, width, rounds, threads)
    lines = describe_frames(session, times, height, width, threads)
    figures: dict[str, Any] = {"size": [height, width], "scale": session.scale, "target": session.manifest["target"],
                               "threads": threads, "frames": asdict(times)}  # fmt: skip
    if per_layer:
        from tvm_srq.benchmark.layers import roofline, time_layers

        layers = time_layers(session, height, width, rounds, time.process_time if threads == 1 else time.perf_counter)
        peak = target_peak(session.manifest["target"], threads)
        lines += ["", f"dot-product peak, measured: {peak / 1e9:.1f} GMAC/s", *roofline(layers, peak)]
        figures |= {"peak_macs_per_second": peak, "layers": [asdict(layer) for layer in layers]}
    return lines, figures


def target_peak(target: str, threads: int) -> float:
    """Multiply-adds a second of a target's dot product; loads TVM's compiler."""
    from tvm_srq.benchmark.peak import measure_peak
    from tvm_srq.targets import preset

    return measure_peak(preset(target), threads)
