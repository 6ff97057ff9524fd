"""An artifact's members, manifest and program, with digests that are right: whatever else is wrong is told."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from tvm_srq import api
from tvm_srq.artifact import CONSTANTS, DIGEST, MANIFEST, digest_line
from tvm_srq.errors import UserError
from tvm_srq.runtime import Session

PICTURE = np.zeros((9, 11, 3), np.uint8)


def resealed(artifact, folder, change):
    """The artifact with members and manifest changed, and their digests."""
    with tarfile.open(artifact) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    manifest = json.loads(members[MANIFEST])
    change(manifest, members)
    manifest["sha256"] |= {name: hashlib.sha256(members[name]).hexdigest() for name in manifest["sha256"] if name in members}
    members[MANIFEST] = json.dumps(manifest).encode()
    members[DIGEST] = digest_line(members[MANIFEST])
    with tarfile.open(folder / "other.tar", "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder / "other.tar"


def run(path):
    api.inspect(path)
    with Session(path, threads=1) as session:
        return session(PICTURE)


def step(manifest, index=1):
    return manifest["program"]["steps"][index]


DAMAGES = {
    "no network": lambda m, f: m.pop("network"),
    "a network that is no text": lambda m, f: m.update(network=[1]),
    "a device that is none": lambda m, f: m.update(device="tpu"),
    "a target that is none": lambda m, f: m.update(tvm_target=None),
    "features that are none": lambda m, f: m["tvm_target"].update(mattr=[[]]),
    "another scale": lambda m, f: m.update(scale=3),
    "kernels that are none": lambda m, f: m.update(kernels=[1]),
    "reasons that are none": lambda m, f: m["kernels"][0].update(rejected=[{"kernel": "a"}]),
    "a workspace beyond measure": lambda m, f: m.update(workspace=2**60),
    "digests that are none": lambda m, f: m.update(program=[]),
    "constants too short": lambda m, f: f.update({CONSTANTS: f[CONSTANTS][:-64]}),
    "constants too long": lambda m, f: f.update({CONSTANTS: f[CONSTANTS] + b"0"}),
    "no constants": lambda m, f: f.pop(CONSTANTS),
    "a constant's length": lambda m, f: m["program"]["constants"][3].update(shape=[2**62, 4]),
    "an argument beyond the last": lambda m, f: step(m)["arguments"][0].__setitem__(1, 10**6),
    "an argument of another map": lambda m, f: step(m)["arguments"][0].__setitem__(1, len(m["program"]["maps"]) - 1),
    "arguments in another order": lambda m, f: step(m)["arguments"].reverse(),
    "an argument less": lambda m, f: step(m)["arguments"].pop(),
    "a kernel that is not there": lambda m, f: step(m).update(kernel="other"),
    "another layer's kernel": lambda m, f: step(m).update(kernel=step(m, 0)["kernel"]),
    "channels beyond measure": lambda m, f: m["program"]["maps"][1].update(channels=2**33),
    "a storage beyond measure": lambda m, f: m["program"]["maps"][1].update(storage=2**54),
    "a storage that is a list": lambda m, f: m["program"]["maps"][1].update(storage=[1]),
    "a map of other channels": lambda m, f: m["program"]["maps"][1].update(channels=8, outside=[0] * 8),
    "steps in another order": lambda m, f: m["program"]["steps"].reverse(),
    "a step that never ends": lambda m, f: step(m).update(reads=[[1, 2**40]]),
    "a smallest picture of nothing": lambda m, f: m["program"].update(smallest=None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_sealed_artifact_whose_parts_do_not_fit_is_told(small_edsr, tmp_path, damage):
    with pytest.raises(UserError, match=r"other\.tar is damaged.*compile it again"):
        run(resealed(small_edsr.artifact("x86-64-v2"), tmp_path, DAMAGES[damage]))


def test_a_resealed_artifact_runs(small_edsr, tmp_path):
    artifact = small_edsr.artifact("x86-64-v2")
    assert np.array_equal(run(resealed(artifact, tmp_path, lambda manifest, members: None)), run(artifact))


def test_members_larger_than_their_file_are_told(small_edsr, tmp_path):
    content = bytearray(small_edsr.artifact("x86-64-v2").read_bytes())
    header = tarfile.TarInfo(MANIFEST)
    header.size = 2**54
    content[:512] = header.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(UserError, match="is damaged or no compiled network"):
        api.inspect(tmp_path / "a.tar")


def test_an_object_file_that_cannot_be_unpacked_is_told(small_edsr, tmp_path):
    artifact = resealed(small_edsr.artifact("x86-64-v2"), tmp_path, lambda m, f: f.update({"kernels.o.gz": b"no gzip"}))
    with pytest.raises(UserError, match="kernels.o.gz cannot be unpacked"):
        api.package(artifact, tmp_path / "package")
    assert not (tmp_path / "package").exists()
