"""ONNX files, float or quantized, as a Graph with channels last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeq import ops as operators
from edgeq.errors import EdgeqError, ModelError, UnsupportedError
from edgeq.ir import Array, Graph, Tensor
from edgeq.ops.base import check_limits
from edgeq.passes.layout import channels_last
from edgeq.readers import onnx_conv, onnx_math, onnx_shapes
from edgeq.readers.onnx_file import (
    FIX,
    RawModel,
    RawNode,
    damage_is_model_error,
    load,
    parse,
)
from edgeq.readers.onnx_fold import fold
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.types import Verdict

_TABLES = (onnx_conv.NODES, onnx_math.NODES, onnx_shapes.NODES)


def read_onnx(path: Path) -> Graph:
    """The graph of an .onnx file: float32, batch 1, channels last; simplify it before use.

    Inputs and outputs whose axes were moved stand in `graph.moved`. Raises ModelError for a
    damaged file and UnsupportedError for the first node that has no translation.
    """
    return _graph(load(path), path.stem)


def read_onnx_bytes(blob: bytes, name: str) -> Graph:
    """The same for a model in memory."""
    return _graph(parse(blob, name, None), name)


def verdicts(path: Path) -> tuple[Verdict, ...]:
    """A verdict for every node of the file, in order; raises ModelError for a damaged file."""
    raise NotImplementedError(path)


def _graph(raw: RawModel, name: str) -> Graph:
    with damage_is_model_error(raw.where):
        state = Reading(raw)
        for node in raw.nodes:
            state.step(node)
        graph = channels_last(state.graph(name))
        for op in graph.ops:
            check_limits(op, graph)
        return graph


class Reading:
    """A file half read: the tensors and operators so far, in the file's axis order."""

    def __init__(self, raw: RawModel) -> None:
        self.raw = raw
        self.tensors = {n: Tensor(n, a.shape, a) for n, a in raw.consts.items()}
        self.ops: list = []
        for x in raw.ins:
            if x.dtype.kind != "f":
                raise UnsupportedError(f"input {x.name!r}", f"numbers of type {x.dtype}",
                                       "float32", "feed real numbers")
            self.tensors[x.name] = Tensor(x.name, x.shape)

    def step(self, raw: RawNode) -> None:
        """Translate one node."""
        for name in raw.ins:
            if name and name not in self.tensors:
                raise ModelError(raw.place, f"reads {name!r}, which nothing writes before it",
                                 "nodes in execution order", FIX)
        if self.computed(raw):
            return
        node = self.node(raw)
        self.translate(raw, node)
        self.ops += node.ops

    def node(self, raw: RawNode) -> OnnxNode:
        return OnnxNode(raw.name, raw.kind, raw.place, self.raw.opset, raw.ins, raw.outs,
                        raw.attrs, self.tensors)

    def translate(self, raw: RawNode, node: OnnxNode) -> None:
        for table in _TABLES:
            if raw.kind in table:
                table[raw.kind](node)
                return
        raise UnsupportedError(raw.place, "edgeq has no such operator", "see `edgeq ops`",
                               "replace the layer before export, or keep it outside the model")

    def computed(self, raw: RawNode) -> bool:
        """True where the node's results are known now: they join the constants."""
        if raw.kind in ("Shape", "Size"):
            shape = np.array(self.tensors[raw.ins[0]].shape, np.int64)
            start, end = raw.attrs.get("start", 0), raw.attrs.get("end")
            results: tuple[Array, ...] | None = (
                shape[start:end] if raw.kind == "Shape" else np.array(shape.prod()),)
        else:
            values = self.constants(raw)
            results = None if values is None else fold(self.raw, raw, values)
        if results is None:
            return False
        for name, data in zip([n for n in raw.outs if n], results, strict=False):
            self.tensors[name] = Tensor(name, data.shape, data)
        return True

    def constants(self, raw: RawNode) -> Mapping[str, Array] | None:
        """The inputs by name, None where one of them is not a constant."""
        found: dict[str, Array] = {}
        for name in raw.ins:
            if name:
                data = self.tensors[name].data
                if data is None:
                    return None
                found[name] = data
        return found

    def graph(self, name: str) -> Graph:
        for out in self.raw.outs:
            if out not in self.tensors:
                raise ModelError(f"output {out!r}", "is never written", "", FIX)
        ins = tuple(x.name for x in self.raw.ins)
        return Graph(self.tensors, tuple(self.ops), ins, self.raw.outs, name).replace()
