"""ONNX's Attention (opset 23) as products, a softmax and transposes."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from edgeq.errors import ModelError
from edgeq.ops.activations import Tanh
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.softmax import Softmax
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_math import binary
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.onnx_products import product

_ATTRIBUTES = {"is_causal", "kv_num_heads", "q_num_heads", "qk_matmul_output_mode", "scale",
               "softcap", "softmax_precision"}


def attention(node: OnnxNode) -> None:
    """softmax(scale * q k' + mask) v over heads, several of which may share keys and values."""
    node.require(not any(node.has(i) for i in (4, 5, 6)), "keeps keys and values of earlier runs",
                 "attention within one run", "give all tokens in every run")
    node.require(not any(node.outs[1:]), "gives more than its result", "one output",
                 "leave the other outputs out")
    node.require(node.integer("is_causal", 0) == 0, "masks later tokens (is_causal)",
                 "no mask, or a mask of finite constants", "let every token see every other")
    unknown = sorted(set(node.attrs) - _ATTRIBUTES)
    node.require(not unknown, f"has {', '.join(unknown)}", ", ".join(sorted(_ATTRIBUTES)),
                 "let every token see every other")
    q, k, v = (_heads(node, i, attr) for i, attr in
               enumerate(("q_num_heads", "kv_num_heads", "kv_num_heads")))
    (_, heads, rows, width), shared = node.tensors[q].shape, node.tensors[k].shape[1]
    if heads % shared or node.tensors[k].shape[2] != node.tensors[v].shape[2]:
        raise ModelError(node.place, f"{heads} heads of queries, {shared} of keys, values of "
                         f"shape {node.tensors[v].shape}", "as the ONNX standard has it", FIX)
    batch, grouped = node.tensors[q].shape[0], heads != shared
    if grouped:
        q = node.reshaped(q, (batch, shared, heads // shared, rows, width))
        k, v = (node.reshaped(x, (batch, shared, 1, *node.tensors[x].shape[2:])) for x in (k, v))
    scores = product(node, q, k, (False, True), node.real("scale", 1.0 / sqrt(width)))
    cap = node.real("softcap", 0.0)
    if cap:
        scores = binary(node, Mul, scores, node.floats("cap_inverse", np.array(1.0 / cap)))
        scores = node.emit(Tanh(name=node.label(), ins=(scores,), outs=(node.temp("capped"),)))
        scores = binary(node, Mul, scores, node.floats("cap", np.array(cap)))
    if node.has(3):
        mask = node.tensor(3)
        node.require(mask.data is not None and mask.data.dtype.kind == "f", "a mask that is "
                     "computed at run time, or of booleans", "no mask, or finite constants",
                     "mask with a large number instead")
        shape = node.tensors[scores].shape
        flat = node.reshaped(scores, (batch, heads, *shape[-2:]))
        scores = node.reshaped(binary(node, Add, flat, node.ins[3]), shape)
    p = node.emit(Softmax(name=node.label(), ins=(scores,), outs=(node.temp("weights"),)))
    y = product(node, p, v)
    last = node.tensors[y].shape[-1]
    y = node.reshaped(y, (batch, heads, rows, last))
    if len(node.shape(0)) == 3:
        y = node.reshaped(node.transposed(y, (0, 2, 1, 3)), (batch, rows, heads * last))
    node.alias(y)


def _heads(node: OnnxNode, i: int, attr: str) -> str:
    """Input `i` as (batch, heads, tokens, values)."""
    shape = node.shape(i)
    if len(shape) == 4:
        return node.ins[i]
    heads = node.integer(attr, 0)
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise ModelError(node.place, f"{heads} heads of {shape}", "as the ONNX standard has it",
                         FIX)
    split = node.reshaped(node.ins[i], (*shape[:2], heads, shape[2] // heads))
    return node.transposed(split, (0, 2, 1, 3))


NODES: dict[str, Callable[[OnnxNode], None]] = {"Attention": attention}
