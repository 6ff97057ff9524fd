"""A file of another kind than a checkpoint is told as what it is."""

import pytest

from tvm_srq.errors import UserError
from tvm_srq.models import read_state_dict


def test_an_onnx_file_is_no_checkpoint(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x07")
    with pytest.raises(UserError, match="is an ONNX file and no checkpoint; .*load_network reads it"):
        read_state_dict(path)
