"""Model files that a script writes with TensorFlow, which is no part of edgeq's environment.

EDGEQ_TENSORFLOW names a Python interpreter that has it (docs/quantized-models.md).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_TOOL = "EDGEQ_TENSORFLOW"


def written_by(script: Path, folder: Path) -> Path:
    """`folder`, filled by `script`; skips the test where no interpreter is named."""
    interpreter = os.environ.get(_TOOL)
    if not interpreter:
        pytest.skip(f"{_TOOL} names no Python interpreter with TensorFlow")
    subprocess.run([interpreter, script, folder], check=True, capture_output=True,
                   env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    return folder
