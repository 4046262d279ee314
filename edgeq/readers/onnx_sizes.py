"""Inputs of an ONNX file that leave sizes open: what to try for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeq.ops.base import Shape
from edgeq.readers.onnx_file import damage_is_model_error, open_batches, proto_of
from edgeq.readers.types import ReadOptions

if TYPE_CHECKING:
    from onnx import ValueInfoProto

# small, and multiples of what usual networks divide by: a plain signal is cut into long windows
TRIED, TRIED_OF_SIGNALS = 64, 512


def tried_sizes(path: Path, options: ReadOptions) -> dict[str, Shape]:
    """By input whose sizes behind the batch the file and `options` leave open: its shape with
    64 in their place (512 in one of two axes), 1 where they are the batch; raises ModelError for
    a damaged file.
    """
    with damage_is_model_error(path.name):
        graph = proto_of(path).graph
        consts = {t.name for t in graph.initializer}
        return _shapes([v for v in graph.input if v.name not in consts], options)


def _shapes(inputs: Sequence[ValueInfoProto], options: ReadOptions) -> dict[str, Shape]:
    found, batches = dict[str, Shape](), open_batches(inputs)
    for value in inputs:
        dims = value.type.tensor_type.shape.dim
        is_open = [d.dim_value <= 0 for d in dims]
        tried = TRIED_OF_SIGNALS if len(dims) == 2 else TRIED
        if any(is_open[1:]) and value.name not in options.shapes:
            found[value.name] = tuple(
                d.dim_value if not opened else 1 if i == 0 or d.dim_param in batches else tried
                for i, (d, opened) in enumerate(zip(dims, is_open, strict=True)))
    return found
