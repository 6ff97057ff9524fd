"""What nvcc makes of the kernels: machine code and PTX, no spills, dot products, no contracted arithmetic."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tvm
from test_direct import WORKLOADS

from schedules.cuda.direct import direct_rule
from schedules.cuda.generic import generic_rule
from schedules.cuda.grid import resident_blocks
from schedules.cuda.picture import store_picture
from schedules.cuda.tile import LAYOUT, choose_tile
from tvm_srq import api, nvcc
from tvm_srq.artifact import DEVICE_CODE, read_artifact
from tvm_srq.build import compile_to_source, cuda_source
from tvm_srq.errors import UserError
from tvm_srq.targets import preset

ARCH = "sm_86"
PTX, MACHINE_CODE = 1, 2  # kinds of a fatbin's entries
KERNELS = {f"convolution_{i}": direct_rule(workload).function for i, workload in enumerate(WORKLOADS.values())} | {
    "store_picture": store_picture(LAYOUT, 0), "generic": generic_rule(WORKLOADS["skip"]).function,
}  # fmt: skip
# of these a multiprocessor holds one block, so that registers suffice: 17x17 holds 20 rows of the input in a thread
ALONE = [resident_blocks(workload, choose_tile(workload)) == 1 for workload in WORKLOADS.values()]
LARGE = [f"convolution_{i}" for i, alone in enumerate(ALONE) if alone]


@pytest.fixture(scope="module")
def source() -> str:
    functions = {name: function.with_attr("global_symbol", name) for name, function in KERNELS.items()}
    return cuda_source(compile_to_source(tvm.IRModule(functions), preset("cuda-sm86")).mod)


def entries(fatbin: bytes) -> list[tuple[int, int]]:
    """(kind, architecture) of a fatbin's entries: after a header of 16 bytes, each has a header that tells both sizes."""
    assert fatbin[:4] == bytes.fromhex("50ed55ba")
    found, at = [], 16
    while at < len(fatbin):
        kind, header, size = (int.from_bytes(fatbin[at + i : at + i + n], "little") for i, n in ((0, 2), (4, 4), (8, 8)))
        found.append((kind, int.from_bytes(fatbin[at + 28 : at + 32], "little")))
        at += header + size
    return found


def test_a_fatbin_holds_machine_code_and_ptx_without_spills(toolkit, source):
    report: list[str] = []
    fatbin = nvcc.compile_device_code(source, ARCH, report)
    assert sorted(entries(fatbin)) == [(PTX, 86), (MACHINE_CODE, 86)]
    text = "\n".join(report)
    assert len(re.findall("Compiling entry function", text)) == len(KERNELS)
    assert set(re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", text)) == {"0"}
    # two blocks of 256 threads to a multiprocessor need at most 128 registers
    used = dict(re.findall(r"entry function '(\w+?)(?:_kernel)?'.*?Used (\d+) registers", text, re.DOTALL))
    assert used.keys() == KERNELS.keys()
    assert max(int(count) for name, count in used.items() if name not in LARGE) <= 128


def test_ptx_multiplies_by_dot_products_and_contracts_nothing(toolkit, source, tmp_path):
    text = compile_to_ptx(toolkit, source, tmp_path)
    assert text.count("dp4a.s32.s32") >= 128 * len(WORKLOADS)
    check_arithmetic(text)


def compile_to_ptx(toolkit: Path, source: str, folder: Path) -> str:
    (folder / "kernels.cu").write_text(source)
    arch = ARCH.replace("sm", "compute")
    flags = [flag for flag in nvcc.flags(ARCH) if flag != "-gencode" and not flag.startswith(("arch=", "--ptxas"))]
    command = [toolkit / "bin/nvcc", *flags, f"-arch={arch}", "--ptx", "-o", folder / "k.ptx", folder / "kernels.cu"]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "k.ptx").read_text()


def check_arithmetic(ptx: str) -> None:
    """Nothing contracted or flushed; sums to float32 by conversion, and back by adding 1.5 * 2**23, both half to even."""
    assert "fma" not in ptx and "ftz" not in ptx
    assert set(re.findall(r"cvt\.\w+\.f32\.s32", ptx)) == {"cvt.rn.f32.s32"}
    assert not re.search(r"cvt[.\w]*\.[su]\d+\.f32", ptx)
    assert re.search(r"add(\.rn)?\.f32.*0f4B400000", ptx)


def test_the_inner_loop_is_dot_products(toolkit, tmp_path):
    loops = innermost_loops(disassemble(toolkit, KERNELS["convolution_3"], tmp_path))
    best = max(loops, key=lambda names: names.count("IDP.4A.S8.S8"))
    # 3 rows of the kernel x 8 channels x 4 pixels x 4 words, and 6 loads of activations, 24 of weights
    assert best.count("IDP.4A.S8.S8") == 384
    assert best.count("LDS.128") == 30 and not any(name.startswith(("LDS.U", "LDG", "LDL")) for name in best)
    assert len(best) <= 1.15 * 384


def disassemble(toolkit: Path, function: tvm.tirx.PrimFunc, folder: Path) -> str:
    """A kernel's machine code as text; without nvdisasm the test is skipped."""
    places = [str(place / "bin") for place in nvcc.toolkit_folders()]
    disassembler = shutil.which("nvdisasm", path=os.pathsep.join([*places, os.environ["PATH"]]))
    if disassembler is None:
        pytest.skip("nvdisasm is not installed (pip install nvidia-cuda-nvdisasm)")
    module = tvm.IRModule({"main": function})
    (folder / "kernel.cu").write_text(cuda_source(compile_to_source(module, preset("cuda-sm86")).mod))
    flags = [flag for flag in nvcc.flags(ARCH) if flag != "-gencode" and not flag.startswith("arch=")]
    command = [toolkit / "bin/nvcc", *flags, f"-arch={ARCH}", "--cubin", "-o", folder / "k.cubin", folder / "kernel.cu"]
    subprocess.run(command, check=True, capture_output=True)
    return subprocess.run([disassembler, "-c", folder / "k.cubin"], check=True, capture_output=True, text=True).stdout


def innermost_loops(listing: str) -> list[list[str]]:
    """Instructions between a label and the branch back to it, where no other label lies between."""
    loops: list[list[str]] = []
    label, names = "", []
    for line in listing.splitlines():
        if found := re.match(r"^(\.L_x_\d+):", line):
            label, names = found.group(1), []
        elif found := re.match(r"\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([A-Z][\w.]*)", line):
            names.append(found.group(1))
            if found.group(1) == "BRA" and label and label in line:
                loops.append(names)
    return loops


def test_an_artifact_holds_device_code_and_its_digest(toolkit, spec, tmp_path):
    api.compile_network(spec, "cuda-sm86", tmp_path / "net.tar")
    manifest, _, members = read_artifact(tmp_path / "net.tar")
    assert sorted(entries(members[DEVICE_CODE])) == [(PTX, 86), (MACHINE_CODE, 86)]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["versions"]["nvcc"])
    assert {row["kernel"] for row in manifest["kernels"]} == {"direct.mma"}
    content = bytearray((tmp_path / "net.tar").read_bytes())
    content[content.find(members[DEVICE_CODE]) + 1000] ^= 1
    (tmp_path / "net.tar").write_bytes(content)
    with pytest.raises(UserError, match="kernels.fatbin does not match its digest"):
        read_artifact(tmp_path / "net.tar")


def test_a_missing_nvcc_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(nvcc, "toolkit_folders", lambda: [Path("/nowhere")])
    with pytest.raises(UserError, match="needs nvcc, which is not on this machine; install it: pip install"):
        nvcc.toolkit()


def test_a_refused_source_is_told_in_one_sentence(toolkit):
    with pytest.raises(UserError, match="nvcc failed: .*check that it knows sm_86") as error:
        nvcc.compile_device_code("not C", ARCH)
    assert "\n" not in str(error.value)
