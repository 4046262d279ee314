"""PyTorch modules as graphs: exported to ONNX in memory, then read like a file."""

from __future__ import annotations

import importlib.util
import io
from typing import Protocol

from edgeq.errors import EdgeqError, UnsupportedError, UsageError
from edgeq.ir import Graph


class Module(Protocol):
    """What is asked of a torch.nn.Module."""

    training: bool

    def train(self, mode: bool = True) -> object:
        """Training mode on or off."""


def from_torch(module: Module, example: object) -> Graph:
    """The graph of `module` in evaluation mode, for inputs like `example`.

    `example` is a tensor, or a tuple of them for several inputs, with a batch of 1. Inputs and
    outputs of images come out with channels last, see `Graph.moved`; simplify the graph before
    use. Raises UsageError where PyTorch or the onnx package is missing, UnsupportedError where
    PyTorch cannot export the module or edgeq cannot read the result.
    """
    from edgeq.readers.onnx import read_onnx_bytes

    blob = exported(module, example if isinstance(example, tuple) else (example,))
    return read_onnx_bytes(blob, type(module).__name__)


def exported(module: Module, example: tuple[object, ...]) -> bytes:
    """`module` as an ONNX file in memory."""
    try:
        import torch
    except ImportError:
        raise UsageError("edgeq.from_torch", "PyTorch is not installed", "",
                         "pip install torch 'edgeq[onnx]'") from None
    if importlib.util.find_spec("onnx") is None:
        raise UsageError("edgeq.from_torch", "the onnx package is not installed", "",
                         "pip install 'edgeq[onnx]'")
    newer = importlib.util.find_spec("onnxscript") is not None
    training = module.training
    module.train(False)
    try:
        with torch.no_grad():
            if newer:
                program = torch.onnx.export(module, example, dynamo=True, verbose=False)
                blob: bytes = program.model_proto.SerializeToString()
                return blob
            buffer = io.BytesIO()
            torch.onnx.export(module, example, buffer, dynamo=False)
            return buffer.getvalue()
    except EdgeqError:
        raise
    except Exception as error:  # the exporters raise whatever the module's code does
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnsupportedError(f"{type(module).__name__}", f"PyTorch cannot export it ({line})",
                               "a module that torch.onnx.export takes",
                               "export it yourself and give edgeq the .onnx file") from error
    finally:
        module.train(training)
