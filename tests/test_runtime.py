"""The runtime by itself: what it imports."""

import subprocess
import sys


def test_the_runtime_imports_neither_pytorch_nor_the_compiler_nor_pillow():
    code = "import sys, tvm_srq.runtime; print(sorted({'torch', 'tvm', 'PIL'} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
