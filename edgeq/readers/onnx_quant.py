"""Quantized ONNX models: QuantizeLinear and DequantizeLinear become parameters of tensors.

Three steps. QLinear nodes are written out as DequantizeLinear, operator, QuantizeLinear.
While reading, DequantizeLinear gives its input's integers, and QuantizeLinear leaves a
`Requantize` as a mark. When axes and activations are settled, `settled` lets the operator before
a mark write the integers itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array, Graph, QuantParams, Tensor, same_params
from edgeq.ops.base import Fixed, Op, SameAsInput
from edgeq.ops.lut import Unary
from edgeq.ops.requantize import Requantize
from edgeq.ops.softmax import Softmax
from edgeq.passes.fuse_activation import fuse_activation
from edgeq.readers.onnx_file import FIX, RawNode
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.types import check_types

WAY_OUT = "quantize the whole model (a QuantizeLinear behind every operator), or start from float"
_BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32, "int4": 8, "uint4": 8}


def params(node: OnnxNode, stored: str, rank: int) -> QuantParams:
    """The parameters that inputs 1 and 2 of `node` state for integers of the type `stored`.

    Unsigned integers are shifted to signed ones; 4-bit integers are kept in 8 bits.
    """
    scale = np.asarray(node.const(1), np.float64)
    zero = node.optional(2)
    node.require(not node.integer("block_size", 0) and scale.ndim <= 1, "scales by blocks",
                 "one scale a tensor or a channel", "quantize by channels")
    node.require(stored in _BITS, f"integers of type {stored}", ", ".join(_BITS), WAY_OUT)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ModelError(node.place, f"a scale of {scale.min()}", "positive scales", FIX)
    offset = np.zeros(scale.shape, np.int64) if zero is None else np.asarray(zero, np.int64)
    offset = offset.reshape(scale.shape) - _shift(stored)
    if scale.size == 1:
        return QuantParams(scale.reshape(()), offset.reshape(()).astype(np.int32), _BITS[stored])
    axis = node.axis(node.integer("axis", 1), rank)
    return QuantParams(scale, offset.astype(np.int32), _BITS[stored], axis)


def _shift(stored: str) -> int:
    """What makes integers of the type `stored` signed; 4-bit ones fit 8 bits as they are."""
    return {"uint8": 128, "uint16": 1 << 15}.get(stored, 0)


def signed(data: Array) -> Array:
    """Stored integers as signed ones."""
    stored = data.dtype.name
    wide = data.astype(np.int64) - _shift(stored)
    bits = _BITS[stored]
    return wide.astype(np.int8 if bits == 8 else np.int16 if bits == 16 else np.int32)


def quantized_const(node: OnnxNode, data: Array) -> Tensor:
    """DequantizeLinear of the constant `data`: its integers with parameters."""
    q = params(node, data.dtype.name, data.ndim)
    fitting = [i for i, n in enumerate(data.shape) if n == q.scale.size]
    if q.axis is not None and q.axis not in fitting and len(fitting) == 1:
        q = replace(q, axis=fitting[0])  # ONNX Runtime's quantizer writes 0 for biases (1, c)
    if q.axis is not None and q.axis not in fitting:
        raise ModelError(node.place, f"{q.scale.size} scales along axis {q.axis} of {data.shape}",
                         "one each", FIX)
    return Tensor(node.outs[0], data.shape, signed(data), q)


def quantize_linear(node: OnnxNode) -> None:
    zero, x = node.optional(2), node.ins[0]
    default = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}.get(
        node.integer("output_dtype", 2), "other")
    q = params(node, default if zero is None else zero.dtype.name, len(node.shape(0)))
    if node.tensor(0).is_const:
        data = q.quantize(np.asarray(node.const(0), np.float64))
        node.tensors[node.outs[0]] = Tensor(node.outs[0], data.shape, data, q)
        return
    node.require(q.axis is None, "an activation with several scales", "one scale a tensor", WAY_OUT)
    before = node.tensors[x].q
    if before is not None and same_params(before, q):
        node.alias(x)
    else:
        node.emit(Requantize(name=node.label(), ins=(x,), outs=node.outs), q)


def dequantize_linear(node: OnnxNode) -> None:
    """The integers themselves; an input of the model gets its parameters here."""
    tensor, zero = node.tensor(0), node.optional(2)
    if tensor.data is not None:
        node.tensors[node.outs[0]] = (quantized_const(node, tensor.data) if tensor.q is None
                                      else replace(tensor, name=node.outs[0]))
        return
    stored = "uint8" if zero is None else zero.dtype.name
    q = params(node, stored, len(tensor.shape))
    if tensor.q is None:
        node.set_params(tensor.name, q)
    elif not same_params(tensor.q, q):
        node.require(False, "other parameters than its input was quantized with", "the same",
                     WAY_OUT)
    node.alias(tensor.name)


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
}

# QLinear nodes: which inputs are (value, scale, zero point), where the output's are, the operator
_MS = "com.microsoft."
_TRIPLES: dict[str, tuple[tuple[int, ...], int, str]] = {
    "QLinearConv": ((0, 3), 6, "Conv"), "QLinearMatMul": ((0, 3), 6, "MatMul"),
    f"{_MS}QLinearAdd": ((0, 3), 6, "Add"), f"{_MS}QLinearMul": ((0, 3), 6, "Mul"),
    f"{_MS}QGemm": ((0, 3), 7, "Gemm"),
    f"{_MS}QLinearAveragePool": ((0,), 3, "AveragePool"),
    f"{_MS}QLinearGlobalAveragePool": ((0,), 3, "GlobalAveragePool"),
    f"{_MS}QLinearSigmoid": ((0,), 3, "Sigmoid"), f"{_MS}QLinearSoftmax": ((0,), 3, "Softmax"),
    f"{_MS}QLinearLeakyRelu": ((0,), 3, "LeakyRelu"),
}
WRITTEN_OUT = (*_TRIPLES, f"{_MS}QLinearConcat")
_BIAS = {"QLinearConv": 8, f"{_MS}QGemm": 6}


def written_out(raw: RawNode) -> tuple[RawNode, ...]:
    """`raw`, or where it is a QLinear node the nodes that it stands for."""
    if raw.kind == f"{_MS}QLinearConcat":
        values, at, plain = tuple(range(2, len(raw.ins), 3)), 0, "Concat"
    elif raw.kind in _TRIPLES:
        values, at, plain = _TRIPLES[raw.kind]
    else:
        domain, _, kind = raw.kind.rpartition(".")
        same = domain == "com.microsoft" and kind in ("QuantizeLinear", "DequantizeLinear")
        return (replace(raw, kind=kind, proto=None),) if same else (raw,)
    if len(raw.ins) < max(*values, at) + (2 if at else 3) or not raw.outs:
        raise ModelError(raw.place, f"{len(raw.ins)} inputs", "values, scales, zero points", FIX)
    nodes, real = [], []
    weight_axis = 0 if plain == "Conv" or raw.attrs.get("transB") else 1
    for i in values:
        real.append(f"{raw.outs[0]}/real{i}")
        nodes.append(_part(raw, "DequantizeLinear", raw.ins[i:i + 3], real[-1],
                           {"axis": weight_axis}))
    bias = _BIAS.get(raw.kind, len(raw.ins))
    if bias < len(raw.ins) and raw.ins[bias]:
        real.append(raw.ins[bias])  # plain int32: the layer gives it its scale
    out = f"{raw.outs[0]}/real"
    nodes.append(_part(raw, plain, tuple(real), out, raw.attrs))
    nodes.append(_part(raw, "QuantizeLinear", (out, *raw.ins[at:at + 2]), raw.outs[0], {}))
    return tuple(nodes)


def _part(raw: RawNode, kind: str, ins: tuple[str, ...], out: str, attrs: object) -> RawNode:
    assert isinstance(attrs, dict)
    name = raw.name if kind not in ("QuantizeLinear", "DequantizeLinear") else f"{raw.name}/{out}"
    return replace(raw, name=name, kind=kind, ins=ins, outs=(out,), attrs=attrs, proto=None)


def settled(graph: Graph) -> Graph:
    """A float graph as it is; a marked one with parameters on every tensor, marks resolved."""
    if all(t.q is None for t in graph.tensors.values()):
        return graph
    graph = fuse_activation(graph)
    tensors, names, ops = dict(graph.tensors), dict[str, str](), list[Op]()
    marked = {op.ins[0] for op in graph.ops if isinstance(op, Requantize)
              and graph.tensor(op.outs[0]).params.bits == 8}
    for op in graph.ops:
        op = replace(op, ins=tuple(names.get(n, n) for n in op.ins))
        if isinstance(op, Requantize) and op.outs[0] not in graph.outs:
            x, y = tensors[op.ins[0]], tensors[op.outs[0]]
            if x.q is None:
                tensors |= _before_moves(graph, tensors, x.name, y.params)
                x = tensors[x.name]
            if same_params(x.params, y.params):
                names[y.name] = x.name
                continue
        for name in op.outs:
            tensors[name] = replace(tensors[name], q=_given(op, tensors, name, marked))
        ops.append(op)
    outs = tuple(names.get(n, n) for n in graph.outs)
    graph = graph.replace(tensors=tensors, ops=tuple(ops), outs=outs)
    return _with_constants(_without_last_marks(graph))


def _before_moves(graph: Graph, tensors: Mapping[str, Tensor], name: str,
                  q: QuantParams) -> dict[str, Tensor]:
    """`name`, and what it is moved from without parameters, with `q`: ONNX Runtime's quantizer
    leaves a Flatten in front of the first layer real.
    """
    found = {name: replace(tensors[name], q=q)}
    op = graph.producer(name)
    while op is not None and (op.is_view or op.moves) and len(op.ins) == 1 and (
            tensors[op.ins[0]].q is None):
        found[op.ins[0]] = replace(tensors[op.ins[0]], q=q)
        op = graph.producer(op.ins[0])
    return found


def _given(op: Op, tensors: dict[str, Tensor], name: str,
           marked: Collection[str]) -> QuantParams | None:
    """The parameters that `op` leaves no choice about, else those of the file, else None.

    Tables of functions take any: those of the mark behind, where `name` is `marked`.
    """
    rule, stated = op.rule(), tensors[name].q
    if isinstance(rule, SameAsInput):
        return tensors[op.ins[rule.index]].q
    if isinstance(rule, Fixed) and isinstance(op, Unary) and name in marked:
        return stated
    if isinstance(rule, Fixed) and (stated is None or isinstance(op, Softmax)):
        return QuantParams(np.array(rule.scale), np.array(rule.zero, np.int32))
    return stated


def _without_last_marks(graph: Graph) -> Graph:
    """Marks that write an output: the operator before writes it itself where it may."""
    for mark in [op for op in graph.ops if isinstance(op, Requantize) and op.outs[0] in graph.outs]:
        source, y = graph.tensor(mark.ins[0]), graph.tensor(mark.outs[0])
        free = source.q is None or same_params(source.q, y.params)
        maker = graph.producer(source.name)
        if not free or maker is None or source.name in graph.outs:
            continue
        renamed = replace(y, shape=source.shape)
        swap = {source.name: y.name}
        ops = tuple(replace(op, ins=tuple(swap.get(n, n) for n in op.ins),
                            outs=tuple(swap.get(n, n) for n in op.outs))
                    for op in graph.ops if op is not mark)
        graph = graph.replace(tensors={**graph.tensors, y.name: renamed}, ops=ops)
    return graph


def _with_constants(graph: Graph) -> Graph:
    """`graph` with float constants quantized; raises where an activation has no parameters."""
    tensors = dict(graph.tensors)
    for name in graph.ins:
        if tensors[name].q is None:
            raise UnsupportedError(f"input {name!r}", "is real, but the model is quantized behind",
                                   "a QuantizeLinear at every input", WAY_OUT)
    for op in graph.ops:
        for name in op.outs:
            if tensors[name].q is None:
                raise UnsupportedError(f"{type(op).__name__} {op.name!r}",
                                       f"its result {name!r} is not quantized",
                                       "a QuantizeLinear behind it", WAY_OUT)
        for name in op.ins:
            tensor = tensors[name]
            if tensor.data is not None and tensor.q is None:
                tensors[name] = quantized(tensor, tensor.data)
    graph = graph.replace(tensors=tensors)
    check_types(graph, {})
    return graph


def quantized(tensor: Tensor, data: Array) -> Tensor:
    """A real constant as int8, symmetric, with the finest scale that holds it."""
    top = float(np.abs(data.astype(np.float64)).max(initial=0.0)) or 1.0
    q = QuantParams(np.array(top / 127), np.array(0, np.int32))
    return replace(tensor, data=q.quantize(data.astype(np.float64)), q=q)
