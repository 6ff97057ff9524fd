"""Safetensors files whose bytes depend on their content alone."""

import numpy as np
from safetensors import safe_open

from tvm_srq.tensor_file import digest, save_tensors

TENSORS = {
    "b": np.arange(5, dtype=np.int8), "a": np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3), "é": np.zeros((2, 0), np.uint8),
    "scalar": np.asarray(2.5),
}  # fmt: skip
METADATA = {key: value * 7 for key, value in zip("zyxwv", "é\"\\\n{")}


def test_the_same_content_is_the_same_bytes(tmp_path):
    for index in range(8):
        save_tensors(dict(TENSORS), tmp_path / str(index), dict(METADATA))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_safetensors_reads_it(tmp_path):
    save_tensors(TENSORS, tmp_path / "file", METADATA)
    with safe_open(tmp_path / "file", "numpy") as file:
        assert file.metadata() == METADATA
        assert set(file.keys()) == set(TENSORS)
        for name, tensor in TENSORS.items():
            found = file.get_tensor(name)
            assert found.dtype == tensor.dtype and found.shape == tensor.shape and np.array_equal(found, tensor)


def test_a_digest_is_of_names_kinds_shapes_and_values():
    zeros = np.zeros(4, np.int8)
    kinds = [{"a": zeros}, {"b": zeros}, {"a": zeros.reshape(2, 2)}, {"a": zeros.astype(np.uint8)}, {"a": zeros + np.int8(1)}]
    assert len({digest(header, tensors) for header in ("", "x") for tensors in kinds}) == 10
