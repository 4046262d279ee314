"""Model files in, graphs out: the only part of edgeq that opens models."""

from __future__ import annotations

from pathlib import Path

from edgeq.errors import UnsupportedError
from edgeq.ir import Graph
from edgeq.readers.tflite import Verdict, read_tflite, verdicts

__all__ = ["Verdict", "read", "verdicts"]


def read(path: str | Path) -> Graph:
    """The graph in the file at `path`; raises ModelError (damaged) or UnsupportedError."""
    path = Path(path)
    if path.suffix.lower() != ".tflite":
        raise UnsupportedError(str(path), f"a file of kind {path.suffix or '(none)'!r}",
                               "a .tflite model", "export the model to TensorFlow Lite")
    return read_tflite(path)
