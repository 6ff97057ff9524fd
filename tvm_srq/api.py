"""What the commands do, as functions."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tvm_srq import __version__
from tvm_srq.checks import LARGEST_SEED, require_number
from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.data.pictures import format_of_suffix, in_grey, picture_format
from tvm_srq.errors import UserError
from tvm_srq.files import replacing, require_file, require_folder, require_other, write_json, written_through
from tvm_srq.films.batch import run_films
from tvm_srq.films.formats import CONTAINERS, container_of, is_film
from tvm_srq.films.library import require_av
from tvm_srq.metrics import PROTOCOL, psnr_y, ssim_y
from tvm_srq.pictures.formats import require_format
from tvm_srq.pictures.jobs import plan_jobs
from tvm_srq.pictures.pipeline import Summary, run_jobs
from tvm_srq.pictures.reading import read_whole
from tvm_srq.pictures.settings import DEFAULTS, RunSettings
from tvm_srq.pictures.upscaling import upscale_picture
from tvm_srq.pictures.writing import write_whole
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.upscalers import load_upscaler, opened, require_not_told

if TYPE_CHECKING:
    from torch import nn

    from tvm_srq.graph.graph import Graph
    from tvm_srq.graph.picture_options import PictureOptions

RANGES = {"pictures": (1, 1 << 20), "seed": (0, LARGEST_SEED), "finetune_steps": (0, 1 << 24)}
"""Of what quantizing is told in whole numbers and checks nowhere else."""


def quantize(
    network: "str | Path | nn.Module", calibration: str | Path, output: str | Path, preset: str = "fast",
    scale: int | None = None, table: str | Path | None = None, picture: "PictureOptions | None" = None, **settings: Any,
) -> None:  # fmt: skip
    """Quantize a network over a folder of low-resolution pictures; ``settings`` as quant.policy.presets.quantize_by_preset.

    ``network``: a file (tvm_srq.networks) or any PyTorch module. ``scale``: which one, of a checkpoint that serves several.
    ``table``: of widths, quantizers and ranges by layer (quant.policy.table). ``picture``: how pictures go in and come out, where
    the network does not say.

    Finetuning keeps its state beside the output, in ``OUTPUT.resume``, until the output is written: called again after it was
    ended, it goes on from there.
    """
    from tvm_srq.graph.picture_options import UNTOLD
    from tvm_srq.networks import load_with_ranges
    from tvm_srq.quant.policy.presets import quantize_by_preset
    from tvm_srq.quant.policy.table import read_table
    from tvm_srq.quant.training.resume import Progress
    from tvm_srq.spec_file import save_spec

    require_folder(Path(output))
    require_other(output, calibration, table, network if isinstance(network, str | Path) else None)
    for name, (lowest, highest) in RANGES.items():
        if name in settings:
            require_number(name.replace("_", " "), settings[name], lowest, highest)
    progress = None if written_through(output) else Progress(f"{output}.resume")
    loaded, ranges = load_with_ranges(network, scale, picture or UNTOLD)
    if ranges:
        settings["ranges"] = ranges
    if table is not None:
        settings["table"] = {name: tuple(row) for name, row in read_table(table, loaded.graph).items()}
    save_spec(quantize_by_preset(loaded, calibration, preset, progress=progress, **settings), output)
    if progress is not None:
        progress.finish()


def analyze(
    checkpoint: str | Path, spec_path: str | Path, calibration: str | Path, output: str | Path, scale: int | None = None,
    picture: "PictureOptions | None" = None,
) -> str:  # fmt: skip
    """What a ``.srq`` costs its network, layer by layer: a table, and plots in ``output``; ``picture`` as in :func:`quantize`."""
    from tvm_srq.graph.picture_options import UNTOLD
    from tvm_srq.networks import load_network
    from tvm_srq.quant.reports import analysis
    from tvm_srq.spec_file import load_spec

    require_folder(Path(output))
    require_other(output, calibration)
    network = load_network(checkpoint, scale, picture or UNTOLD)
    return analysis.analyze(network, load_spec(spec_path), calibration, output).in_words()


def compile_network(
    spec_path: str | Path, target: str, output: str | Path, print_before: Sequence[str] = (), print_after: Sequence[str] = (),
    tuning_records: str | Path | None = None, prefer_tuned: bool = False, cross_compiler: str | None = None,
    cross_compiler_options: str = "", require_integer: bool = False,
) -> list[str]:  # fmt: skip
    """Compile a ``.srq`` for a named target into a ``.tar``, with the schedules of a records file where they are faster.

    A ``cross_compiler`` (a command, with its options) links the library instead of the target's linker.

    Returns:
        The names of the nodes that are in float32; with ``require_integer`` a network that has any is refused.
    """
    import json

    import tvm

    from relay_passes import pipeline
    from relay_passes.extract_program import extract_program
    from relay_passes.measure_workspace import measure_workspace
    from tvm_srq import nvcc
    from tvm_srq.artifact import save_artifact
    from tvm_srq.build import build_kernels
    from tvm_srq.linking import Linking
    from tvm_srq.spec_file import load_spec
    from tvm_srq.targets import preset

    chosen = preset(target)
    spec = load_spec(spec_path)
    require_folder(Path(output))
    require_other(output, spec_path, tuning_records)
    if not spec.integer:
        raise UserError(f"{spec_path} has free-scale levels, which no integer convolution runs; quantize with --grid aligned")
    in_float = [node.name for node in spec.graph.without_integers]
    require_no_float(spec_path, in_float, target if chosen.device != "cpu" else "", require_integer)
    if tuning_records is not None:
        from tvm_srq.tuning.records import load_records
        from tvm_srq.tuning.rule import tuned_rules

        chosen = replace(chosen, rules=tuned_rules(chosen, load_records(tuning_records, target), prefer_tuned))
    module = pipeline.lowered(spec, chosen, print_before, print_after)
    manifest = {
        "target": chosen.name, "tvm_target": chosen.config, "device": chosen.device, "network": spec.graph.description,
        "scale": spec.graph.scale, "quantization": spec.metadata, "input": taken_pictures(spec.graph),
        "pictures": spec.graph.picture.told,
        "kernels": json.loads(module.attrs["srq.kernels"]), "versions": {"tvm_srq": __version__, "tvm": tvm.__version__},
        "workspace": measure_workspace(module), "float_nodes": in_float,
    }  # fmt: skip
    program = extract_program(module, spec.graph.smallest)
    executable, further = build_kernels(module, chosen)
    if chosen.device == "cuda":
        manifest["versions"]["nvcc"] = nvcc.nvcc_version()
    linking = Linking(chosen.host["mtriple"], cross_compiler, cross_compiler_options)
    save_artifact(executable, program, manifest, linking, output, further)
    return in_float


def require_no_float(spec_path: str | Path, in_float: list[str], gpu: str, always: bool) -> None:
    """Raises UserError where nodes are in float32 and must not be: always, or on the GPU that is the target."""
    if in_float and always:
        raise UserError(
            f"node {in_float[0]} of {spec_path} is in float32, and --require-integer allows none; leave that out, or quantize a "
            "network without such nodes"
        )
    if in_float and gpu:
        raise UserError(f"node {in_float[0]} of {spec_path} is in float32, which target {gpu} does not serve; compile for a CPU")


def taken_pictures(graph: "Graph") -> str:
    """What arrays a compiled network takes, in words."""
    shape = "(height, width) or (height, width, 1) uint8, grey" if graph.picture.channels == 1 else "(height, width, 3) uint8"
    return f"{shape}, any size" if graph.smallest == 1 else f"{shape}, {graph.smallest} x {graph.smallest} or more"


def package(network: str | Path, folder: str | Path) -> None:
    """A folder with a C library of a ``.tar`` for a CPU: sources, kernels, weights, build file, example, Android classes."""
    from tvm_srq.package import write_package

    write_package(network, folder)


def tune(
    spec_path: str | Path, target: str, trials: int, output: str | Path, all_layers: bool = False,
    size: tuple[int, int] = (60, 160), seed: int = 0, device: DeviceAddress | None = None,
) -> str:
    """Tune a ``.srq`` for a named target, here or on a device, into or on from a records file; what was found, as text."""
    from tvm_srq.spec_file import load_spec
    from tvm_srq.targets import preset
    from tvm_srq.tuning.session import tune_network

    chosen = preset(target)
    require_folder(Path(output))
    require_other(output, spec_path)
    if written_through(output):
        raise UserError(f"tuning records are read again, and {output} is no regular file; name one")
    require_number("trials", trials, 1, 1 << 20)
    require_number("seed", seed, 0, LARGEST_SEED)
    spec = load_spec(spec_path)
    if not spec.integer:
        raise UserError(f"{spec_path} has free-scale levels, which no integer convolution runs; quantize with --grid aligned")
    if device is None:
        return tune_network(spec, chosen, trials, output, all_layers, size, seed)
    from tvm_srq.remote.device import borrowed
    from tvm_srq.tuning.remote import RemoteRunner

    with borrowed(device) as lent:
        return tune_network(spec, chosen, trials, output, all_layers, size, seed, RemoteRunner(lent, chosen))


def run(
    network: str | Path, picture: str | Path, output: str | Path, threads: int | None = None, device: DeviceAddress | None = None,
    settings: RunSettings = DEFAULTS,
) -> list[str]:  # fmt: skip
    """Upscale one picture or film, here or on a device; an output that is there is replaced, unless the settings say ``resume``.

    Returns:
        What of it the output does not hold, in words.
    """
    if settings.suffix or settings.recursive:
        raise UserError("suffix and recursive are for outputs in a folder; name one, or give the output's name alone")
    film = is_film(picture) or (Path(output).suffix.lower() in CONTAINERS and not is_picture(picture))
    settings.require_used(pictures=not film, films=film)
    if film:
        return run_film(network, picture, output, threads, device, settings)
    name = picture_format(output) if settings.format is None else require_format(settings.format)
    require_folder(Path(output))
    require_other(output, network, picture)
    if settings.resume and os.path.lexists(output) and not written_through(output):
        return []
    source = read_whole(picture)
    with opened(network, threads, device) as loaded:
        result = upscale_picture(source, loaded, settings.alpha, picture)
    return write_whole(output, result, name, settings.quality)


def is_picture(path: str | Path) -> bool:
    """Whether a file is taken for a picture, by its suffix."""
    return format_of_suffix(Path(path).suffix) is not None


def run_film(
    network: str | Path, film: str | Path, output: str | Path, threads: int | None, device: DeviceAddress | None,
    settings: RunSettings,
) -> list[str]:  # fmt: skip
    """As :func:`run`, of a film."""
    require_av(film)
    from tvm_srq.films.upscaling import upscale_film

    container_of(output, settings.format)
    require_folder(Path(output))
    require_other(output, network, film)
    if settings.resume and os.path.lexists(output) and not written_through(output):
        return []
    require_file(film, "film", "give the path of a film")
    with opened(network, threads, device) as loaded:
        return upscale_film(film, output, loaded, network, settings.film, settings.resume, settings.format).lost


def run_folder(
    network: str | Path, inputs: Sequence[str | Path], folder: str | Path, threads: int | None = None,
    device: DeviceAddress | None = None, settings: RunSettings = DEFAULTS, tell: Callable[[str], None] = print,
) -> Summary:  # fmt: skip
    """Upscale pictures, films and folders of them into a folder, which is made where it is missing, here or on a device.

    Args:
        tell: gets, a line each, which of them failed, and what outputs do not hold of their inputs.

    Raises:
        UserError: the network cannot be loaded, there is nothing to upscale, or two files would have one output.
    """
    jobs = plan_jobs(inputs, folder, settings)
    pictures, films = [job for job in jobs if not job.film], [job for job in jobs if job.film]
    settings.require_used(bool(pictures), bool(films))
    with opened(network, threads, device) as loaded:
        Path(folder).mkdir(parents=True, exist_ok=True)
        summary = run_jobs(pictures, loaded, settings, tell) if pictures else Summary()
        run_films(films, loaded, network, settings, tell, summary)
        return summary


def evaluate(
    network: str | Path, dataset: str, json_path: str | Path | None = None, scale: int | None = None,
    picture: "PictureOptions | None" = None,
) -> dict[str, Any]:  # fmt: skip
    """PSNR-Y and SSIM-Y over a dataset, by the protocol of tvm_srq.metrics; grey networks get the luma of its pictures.

    Args:
        scale: which one, of a network that serves several.
        picture: how pictures go in and come out, where the network does not say.
    """

    if json_path is not None:
        require_folder(Path(json_path))
        require_other(json_path, network, dataset)
    loaded = load_upscaler(network, scale=scale, picture=picture)
    if scale not in (None, loaded.scale):
        raise UserError(f"{network} is of scale {loaded.scale}, not {scale}; leave the scale out")
    images, scale = [], loaded.scale
    for name, low, high in pairs(find_dataset(dataset, os.environ.get("TVM_SRQ_DATA")), scale):
        if loaded.channels == 1:
            low, high = in_grey(low), in_grey(high)
        result = loaded.upscale(low)
        images.append({"name": name, "psnr_y": psnr_y(result, high, scale), "ssim_y": ssim_y(result, high, scale)})
    mean = {key: float(np.mean([image[key] for image in images])) for key in ("psnr_y", "ssim_y")}
    protocol = {**PROTOCOL, "scale": scale, "executor": loaded.executor}
    if loaded.channels == 1:
        protocol["pictures"] = "grey, the luma of ITU-R BT.601"
    report = {"mean": mean, "images": images, "protocol": protocol}
    if json_path is not None:
        write_json(json_path, report | {"mean": finite(mean), "images": [finite(image) for image in images]})
    return report


def finite(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores with None for infinite PSNR (equal pictures) and undefined SSIM (tiny ones), which JSON cannot hold."""
    return {key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in scores.items()}


def write_layer_table(
    path: str | Path, output: str | Path, scale: int | None = None, picture: "PictureOptions | None" = None
) -> None:
    """A network's or a .srq's layers as a CSV table that ``quantize`` takes, edited or not."""
    from tvm_srq.graph.picture_options import UNTOLD
    from tvm_srq.networks import load_graph
    from tvm_srq.quant.policy.table import rows_of_graph, rows_of_spec, write_table
    from tvm_srq.spec_file import load_spec

    require_folder(Path(output))
    require_other(output, path)
    if Path(path).suffix == ".tar":
        raise UserError(f"{path} is compiled and has no table; give the .srq it was made of")
    if Path(path).suffix == ".srq":
        rows = rows_of_spec(load_spec(path))
    else:
        rows = rows_of_graph(load_graph(path, scale, picture or UNTOLD))
    with replacing(output) as temporary:
        temporary.write_text(write_table(rows))


def inspect(path: str | Path, scale: int | None = None, picture: "PictureOptions | None" = None) -> str:
    """What a network, .srq or .tar holds, as text.

    Args:
        scale: which one, of a checkpoint that serves several.
        picture: how pictures go in and come out, where the file does not say.
    """
    from tvm_srq import inspection

    path = Path(path)
    require_not_told(path, picture)
    if path.suffix == ".tar":
        return inspection.artifact_text(path)
    return inspection.spec_text(path) if path.suffix == ".srq" else inspection.graph_text(path, scale, picture)
