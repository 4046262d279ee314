"""ONNX matrix products: by constants as dense layers, of two values as MatMul."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from edgeq.errors import ModelError
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_math import binary
from edgeq.readers.onnx_node import OnnxNode, Weights


def matmul(node: OnnxNode) -> None:
    """MatMul: by one constant matrix a dense layer over the last axis."""
    whole = [t.is_const and t.data is not None and prod(t.shape[:-2]) == 1
             for t in (node.tensor(0), node.tensor(1))]
    if whole[1]:
        _matmul_by_constant(node)
    elif whole[0] and len(node.shape(0)) == 2 and len(node.shape(1)) > 1:
        _matmul_from_left(node)
    else:
        _matmul_of_two(node)


def _matmul_of_two(node: OnnxNode) -> None:
    """Two values computed at run time, or a stack of constant matrices."""
    (a, b), shapes = node.ins[:2], [node.shape(0), node.shape(1)]
    if not all(shapes):
        raise ModelError(node.place, f"a product of {shapes[0]} and {shapes[1]}", "", FIX)
    a = node.reshaped(a, (1, *shapes[0])) if len(shapes[0]) == 1 else a
    b = node.reshaped(b, (*shapes[1], 1)) if len(shapes[1]) == 1 else b
    y = product(node, a, b)
    shape = node.tensors[y].shape
    shape = shape if len(shapes[0]) > 1 else (*shape[:-2], shape[-1])
    shape = shape if len(shapes[1]) > 1 else shape[:-1]
    node.reshaped(y, shape, node.outs[0])


def product(node: OnnxNode, a: str, b: str, swap: tuple[bool, bool] = (False, False),
            factor: float = 1.0) -> str:
    """factor * a @ b; `swap` exchanges the last two axes of an operand before."""
    ranks = [len(node.tensors[n].shape) for n in (a, b)]
    return node.emit(MatMul(
        name=node.label(), ins=(a, b), outs=(node.temp("product"),), factor=factor,
        a_axes=plain_axes(ranks[0], swap[0]), b_axes=plain_axes(ranks[1], swap[1]),
        y_axes=plain_axes(max(ranks))))


def _matmul_by_constant(node: OnnxNode) -> None:
    w, x, shape = node.weights(1), node.ins[0], node.shape(0)
    rank = w.data.ndim
    if not shape or rank == 0 or shape[-1] != w.data.shape[-2 if rank > 1 else 0]:
        raise ModelError(node.place, f"a product of {shape} and {w.data.shape}", "", FIX)
    q = w.q
    if q is not None and q.axis is not None:
        q = replace(q, axis=max(0, q.axis - (rank - 2)))
    matrix = Weights(w.data.reshape(w.data.shape[-2:]) if rank > 1 else w.data[:, None], q)
    out = dense(node, x, matrix.transpose((1, 0)), None)
    full = (1,) * max(0, rank - len(shape)) + (*shape[:-1], matrix.data.shape[1])
    node.reshaped(out, full if rank > 1 else shape[:-1], node.outs[0])


def _matmul_from_left(node: OnnxNode) -> None:
    """constant @ x, as the transpose of transpose(x) @ transpose(constant)."""
    a, shape = node.weights(0), node.shape(1)
    node.require(a.data.ndim == 2 and len(shape) >= 2,
                 f"a product of {a.data.shape} and {shape}", "one constant matrix",
                 "split the product")
    if a.data.shape[1] != shape[-2]:
        raise ModelError(node.place, f"a product of {a.data.shape} and {shape}", "", FIX)
    swap = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
    out = dense(node, node.transposed(node.ins[1], swap), a, None)
    node.transposed(out, swap, node.outs[0])


def dense(node: OnnxNode, x: str, weights: Weights, bias: Weights | None) -> str:
    """x (..., in_c) by weights (out_c, in_c)."""
    ins = node.layer_constants(x, weights, bias, 0)
    return node.emit(Dense(name=node.label(), ins=ins, outs=(node.temp("dense"),),
                           keep_dims=True))


def gemm(node: OnnxNode) -> None:
    """Gemm: alpha * A' B' + beta * C; with a constant B a dense layer."""
    if not node.tensor(1).is_const:
        _gemm_of_two(node)
        return
    w = node.weights(1)
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    if w.data.ndim != 2 or len(node.shape(0)) != 2:
        raise ModelError(node.place, f"matrices {node.shape(0)} and {w.data.shape}", "rank 2", FIX)
    x = node.transposed(node.ins[0], (1, 0)) if node.integer("transA", 0) else node.ins[0]
    w = w if node.integer("transB", 0) else w.transpose((1, 0))  # (out_c, in_c)
    (rows, in_c), out_c = node.tensors[x].shape, w.data.shape[0]
    if in_c != w.data.shape[1]:
        raise ModelError(node.place, f"matrices {node.shape(0)} and {w.data.shape}", "", FIX)
    node.require(w.q is None or (alpha == 1.0 and beta == 1.0), f"alpha {alpha}, beta {beta}",
                 "1 and 1 in a quantized model", "fold them before quantization")
    if w.q is None:
        w = Weights(np.asarray(w.data, np.float32) * np.float32(alpha))
    bias, rest = None, node.ins[2] if node.has(2) else ""
    if rest and node.tensors[rest].is_const:
        c = node.weights(2)
        if c.data.size in (1, out_c) and c.data.shape[-1:] in ((), (1,), (out_c,)):
            flat = np.broadcast_to(c.data.reshape(-1), (out_c,))
            if w.q is None:
                flat = np.asarray(flat, np.float32) * np.float32(beta)
            bias, rest = Weights(flat, c.q), ""
    if rest and np.broadcast_shapes((rows, out_c), node.tensors[rest].shape) != (rows, out_c):
        raise ModelError(node.place, f"a sum of {(rows, out_c)} and {node.shape(2)}", "", FIX)
    y = dense(node, x, w, bias)
    if not rest:
        node.alias(y)
        return
    if beta != 1.0:
        rest = binary(node, Mul, rest, node.floats("beta", np.array(beta)))
    node.emit(Add(name=node.label(), ins=(y, rest), outs=node.outs))


def _gemm_of_two(node: OnnxNode) -> None:
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    if len(node.shape(0)) != 2 or len(node.shape(1)) != 2:
        raise ModelError(node.place, f"matrices {node.shape(0)} and {node.shape(1)}", "rank 2", FIX)
    y = product(node, node.ins[0], node.ins[1], (bool(node.integer("transA", 0)),
                                                 bool(node.integer("transB", 0))), alpha)
    if not node.has(2):
        node.alias(y)
        return
    c = node.ins[2]
    if beta != 1.0:
        c = binary(node, Mul, c, node.floats("beta", np.array(beta)))
    binary(node, Add, y, c, node.outs[0])


NODES: dict[str, Callable[[OnnxNode], None]] = {"MatMul": matmul, "Gemm": gemm}
