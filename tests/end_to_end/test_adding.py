"""The examples of docs/add-an-operator.md and docs/add-a-kernel.md work as they stand there."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_examples_of_the_documents(tmp_path):
    documents = [ROOT / "docs" / name for name in ("add-an-operator.md", "add-a-kernel.md")]
    command = [sys.executable, Path(__file__).with_name("adding_example.py"), *documents, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TVM_SRQ_CACHE": "off"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
