"""What nvcc makes of the kernels: machine code and PTX, no spills, dot products, no contracted arithmetic."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tvm
from test_direct import WORKLOADS
from tools import require_tools, skip_unless_ci

from schedules.cuda.direct import direct_rule
from schedules.cuda.generic import generic_rule
from schedules.cuda.picture import store_picture
from schedules.cuda.tile import LAYOUT
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
LARGE = f"convolution_{list(WORKLOADS).index('17x17')}"  # a thread holds 20 rows of the input


@pytest.fixture(scope="module")
def toolkit() -> Path:
    """CUDA's compiler; without it the test is skipped, or fails where CI is set."""
    require_tools("g++")
    try:
        return nvcc.toolkit()
    except UserError as error:
        skip_unless_ci(str(error))


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
    assert max(int(count) for name, count in used.items() if name != LARGE) <= 128


def test_ptx_multiplies_by_dot_products_and_contracts_nothing(toolkit, source, tmp_path):
    (tmp_path / "kernels.cu").write_text(source)
    arch = ARCH.replace("sm", "compute")
    flags = [flag for flag in nvcc.flags(ARCH) if flag != "-gencode" and not flag.startswith(("arch=", "--ptxas"))]
    command = [toolkit / "bin/nvcc", *flags, f"-arch={arch}", "--ptx", "-o", tmp_path / "k.ptx", tmp_path / "kernels.cu"]
    subprocess.run(command, check=True, capture_output=True)
    text = (tmp_path / "k.ptx").read_text()
    assert text.count("dp4a.s32.s32") >= 128 * len(WORKLOADS)
    assert "fma" not in text and "ftz" not in text
    assert set(re.findall(r"cvt\.\w+\.s32\.f32", text)) == {"cvt.rni.s32.f32"}  # half to even
    assert set(re.findall(r"cvt\.\w+\.f32\.s32", text)) == {"cvt.rn.f32.s32"}


def test_the_inner_loop_is_dot_products(toolkit, tmp_path):
    places = [str(folder / "bin") for folder in nvcc.toolkit_folders()]
    disassembler = shutil.which("nvdisasm", path=os.pathsep.join([*places, os.environ["PATH"]]))
    if disassembler is None:
        pytest.skip("nvdisasm is not installed (pip install nvidia-cuda-nvdisasm)")
    function = {"main": KERNELS["convolution_3"]}
    (tmp_path / "kernel.cu").write_text(cuda_source(compile_to_source(tvm.IRModule(function), preset("cuda-sm86")).mod))
    flags = [flag for flag in nvcc.flags(ARCH) if flag != "-gencode" and not flag.startswith("arch=")]
    command = [toolkit / "bin/nvcc", *flags, f"-arch={ARCH}", "--cubin", "-o", tmp_path / "k.cubin", tmp_path / "kernel.cu"]
    subprocess.run(command, check=True, capture_output=True)
    listing = subprocess.run([disassembler, "-c", tmp_path / "k.cubin"], check=True, capture_output=True, text=True).stdout
    loops = innermost_loops(listing)
    best = max(loops, key=lambda names: names.count("IDP.4A.S8.S8"))
    # 3 rows of the kernel x 8 channels x 4 pixels x 4 words, and 6 loads of activations, 24 of weights
    assert best.count("IDP.4A.S8.S8") == 384
    assert best.count("LDS.128") == 30 and not any(name.startswith(("LDS.U", "LDG", "LDL")) for name in best)
    assert len(best) <= 1.15 * 384


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
    assert {row["kernel"] for row in manifest["kernels"]} == {"direct.dp4a"}
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
