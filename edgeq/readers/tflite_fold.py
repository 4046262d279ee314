"""Shape arithmetic of TFLite files, computed while reading: SHAPE, integer nodes on constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import tflite

from edgeq.ir import IntArray
from edgeq.readers.node import TfliteNode

LARGEST = 1 << 16  # values of a result; shapes are far smaller


def fold(node: TfliteNode) -> IntArray | None:
    """What `node` gives; None where it is no shape arithmetic on constants."""
    if len(node.outs) != 1 or "" in node.ins:
        return None
    if node.kind == "SHAPE":
        return np.array(node.shape(0), np.int64)
    if node.kind == "RANK":
        return np.array(len(node.shape(0)))
    if node.kind == "ZEROS_LIKE":
        return np.zeros(node.shape(0), np.int64)
    if node.kind == "FILL" and node.tensors[node.ins[0]].data is not None:
        return _filled(node)
    compute = _FOLDS.get(node.kind)
    tensors = [node.tensors[name] for name in node.ins]
    known = [t.data for t in tensors if t.data is not None and t.q is None]
    if compute is None or len(known) < len(tensors) or node.tensors[node.outs[0]].q is not None:
        return None
    if not all(d.dtype.kind in "iub" and d.size <= LARGEST for d in known):
        return None
    return compute(node, [d.astype(np.int64) for d in known])


def _filled(node: TfliteNode) -> IntArray | None:
    """FILL: one value in a constant shape; None where it comes at run time."""
    value = node.tensors[node.ins[1]]
    shape = tuple(int(n) for n in node.const(0).reshape(-1).tolist())
    if value.data is None or value.q is not None or prod(shape) > LARGEST:
        return None
    return np.full(shape, value.data.reshape(-1)[0])


def _range(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    start, limit, step = (int(v.reshape(-1)[0]) for v in values)
    node.require(step != 0 and abs(limit - start) <= LARGEST * abs(step),
                 f"from {start} to {limit} in steps of {step}", f"at most {LARGEST} values",
                 "make it a constant")
    return np.arange(start, limit, step, dtype=np.int64)


_Compute = Callable[[TfliteNode, Sequence[IntArray]], IntArray]


def _strided_slice(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    opts, (x, begin, end, step) = node.options(tflite.StridedSliceOptions), values
    node.require(not opts.EllipsisMask() and not opts.NewAxisMask(), "ellipsis or new axis",
                 "neither", "write the slice out for every axis")
    cuts: list[slice | int] = []
    for i, (b, e, s) in enumerate(zip(begin.tolist(), end.tolist(), step.tolist(), strict=True)):
        if opts.ShrinkAxisMask() >> i & 1:
            cuts.append(int(b))
        else:
            cuts.append(slice(None if opts.BeginMask() >> i & 1 else b,
                              None if opts.EndMask() >> i & 1 else e, s))
    return np.asarray(x[tuple(cuts)])


def _slice(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    x, begin, size = values
    return np.asarray(x[tuple(slice(b, None if n < 0 else b + n) for b, n in zip(
        begin.reshape(-1).tolist(), size.reshape(-1).tolist(), strict=True))])


def _pack(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    return np.stack(values, node.options(tflite.PackOptions).Axis())


def _concat(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    return np.concatenate(values, node.options(tflite.ConcatenationOptions).Axis())


def _gather(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    return np.take(values[0], values[1], node.options(tflite.GatherOptions).Axis())


def _product(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    keep = bool(node.options(tflite.ReducerOptions).KeepDims())
    axes = tuple(values[1].reshape(-1).tolist())
    return np.asarray(np.prod(values[0], axis=axes, keepdims=keep))


def _same_values(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
    """RESHAPE, SQUEEZE, EXPAND_DIMS and CAST between integers."""
    return values[0].reshape(node.tensors[node.outs[0]].shape)


def _binary(function: Callable[[IntArray, IntArray], IntArray]) -> _Compute:
    def compute(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
        return np.asarray(function(values[0], values[1]), np.int64)
    return compute


def _divided(function: Callable[[IntArray, IntArray], IntArray]) -> _Compute:
    def compute(node: TfliteNode, values: Sequence[IntArray]) -> IntArray:
        node.require(bool((values[1] != 0).all()), "divides by 0", "other divisors",
                     "check the constants of the model")
        return np.asarray(function(values[0], values[1]))
    return compute


_FOLDS: dict[str, _Compute] = {
    "STRIDED_SLICE": _strided_slice,
    "PACK": _pack,
    "RANGE": _range,
    "CONCATENATION": _concat,
    "GATHER": _gather,
    "REDUCE_PROD": _product,
    "RESHAPE": _same_values,
    "SQUEEZE": _same_values,
    "EXPAND_DIMS": _same_values,
    "CAST": _same_values,
    "ADD": _binary(np.add),
    "SUB": _binary(np.subtract),
    "MUL": _binary(np.multiply),
    "MAXIMUM": _binary(np.maximum),
    "MINIMUM": _binary(np.minimum),
    "LESS": _binary(np.less),
    "LESS_EQUAL": _binary(np.less_equal),
    "GREATER": _binary(np.greater),
    "GREATER_EQUAL": _binary(np.greater_equal),
    "EQUAL": _binary(np.equal),
    "NOT_EQUAL": _binary(np.not_equal),
    "LOGICAL_AND": _binary(np.logical_and),
    "LOGICAL_OR": _binary(np.logical_or),
    "SLICE": _slice,
    "FLOOR_DIV": _divided(np.floor_divide),
    "FLOOR_MOD": _divided(np.mod),
}
