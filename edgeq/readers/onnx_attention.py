"""ONNX's Attention (opset 23 and later) as products, a masked softmax and transposes."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ops.activations import Tanh
from edgeq.ops.concat import Concat
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.select import Select
from edgeq.ops.softmax import Softmax
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_math import binary
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.onnx_products import product

_ATTRIBUTES = {"is_causal", "kv_num_heads", "left_window_size", "q_num_heads",
               "qk_matmul_output_mode", "right_window_size", "scale", "softcap",
               "softmax_precision"}


def attention(node: OnnxNode) -> None:
    """softmax(scale * q k' + mask) v over heads, several of which may share keys and values.

    Keys and values of earlier runs stand in front of the new ones.
    """
    unknown = sorted(set(node.attrs) - _ATTRIBUTES)
    node.require(not unknown, f"has {', '.join(unknown)}", ", ".join(sorted(_ATTRIBUTES)),
                 "leave these out")
    q, k, v = (_heads(node, i, attr) for i, attr in
               enumerate(("q_num_heads", "kv_num_heads", "kv_num_heads")))
    past = node.shape(4)[2] if node.has(4) else 0
    k, v = _joined(node, 4, k, 1), _joined(node, 5, v, 2)
    (batch, heads, rows, width), shared = node.tensors[q].shape, node.tensors[k].shape[1]
    if heads % shared or node.tensors[k].shape[2] != node.tensors[v].shape[2]:
        raise ModelError(node.place, f"{heads} heads of queries, {shared} of keys, values of "
                         f"shape {node.tensors[v].shape}", "as the ONNX standard has it", FIX)
    if heads != shared:
        q = node.reshaped(q, (batch, shared, heads // shared, rows, width))
        k, v = (node.reshaped(x, (batch, shared, 1, *node.tensors[x].shape[2:])) for x in (k, v))
    scores = product(node, q, k, (False, True), node.real("scale", 1.0 / sqrt(width)))
    stages = [scores, _capped(node, scores)]
    stages.append(_masked(node, stages[1], past, (batch, heads, rows)))
    p = node.emit(Softmax(name=node.label(), ins=(stages[2],), outs=(node.temp("weights"),)))
    stages.append(p)
    y = product(node, p, v)
    last = node.tensors[y].shape[-1]
    y = node.reshaped(y, (batch, heads, rows, last))
    if len(node.shape(0)) == 3:
        y = node.reshaped(node.transposed(y, (0, 2, 1, 3)), (batch, rows, heads * last))
    node.alias(y)
    if len(node.outs) > 3 and node.outs[3]:
        shown = stages[node.integer("qk_matmul_output_mode", 0)]
        node.reshaped(shown, (batch, heads, rows, node.tensors[shown].shape[-1]), node.outs[3])


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


def _joined(node: OnnxNode, past: int, x: str, out: int) -> str:
    """`x` behind input `past`, which is of earlier runs; output `out` gives both."""
    if node.has(past):
        x = node.emit(Concat(name=node.label(), ins=(node.ins[past], x),
                             outs=(node.temp("all"),), axis=2))
    if out < len(node.outs) and node.outs[out]:
        node.reshaped(x, node.tensors[x].shape, node.outs[out])
    return x


def _capped(node: OnnxNode, scores: str) -> str:
    """cap * tanh(scores / cap), or the scores."""
    cap = node.real("softcap", 0.0)
    if not cap:
        return scores
    scores = binary(node, Mul, scores, node.floats("cap_inverse", np.array(1.0 / cap)))
    scores = node.emit(Tanh(name=node.label(), ins=(scores,), outs=(node.temp("capped"),)))
    return binary(node, Mul, scores, node.floats("cap", np.array(cap)))


def _masked(node: OnnxNode, scores: str, past: int, rows: tuple[int, int, int]) -> str:
    """Scores with minus infinity for what the mask, the causal order or a window leaves out."""
    shape = node.tensors[scores].shape
    columns = shape[-1]
    near = _near(node, rows[2], columns, past)
    masked = scores
    if near is not None:
        masked = _chosen(node, node.floats("near", near), masked)
    if node.has(3):
        masked = node.reshaped(masked, (rows[0], rows[1], rows[2], columns))
        masked = node.reshaped(_with_mask(node, masked, columns), shape)
    return masked


def _chosen(node: OnnxNode, condition: str, scores: str) -> str:
    out = node.floats("out", np.array(-np.inf))
    return node.emit(Select(name=node.label(), ins=(condition, scores, out),
                            outs=(node.temp("masked"),)))


def _with_mask(node: OnnxNode, scores: str, columns: int) -> str:
    """Scores and the mask of input 3: truth values that keep, or numbers to add."""
    mask = node.tensor(3)
    if mask.data is not None:
        keeps = mask.data.dtype == np.bool_
        short = columns - mask.shape[-1]
        data = np.pad(np.asarray(mask.data, np.float64),
                      [(0, 0)] * (len(mask.shape) - 1) + [(0, short)],
                      constant_values=0.0 if keeps else -np.inf)
        if keeps:
            return _chosen(node, node.floats("mask", data), scores)
        return binary(node, Add, scores, node.floats("mask", data))
    node.require(mask.shape[-1] == columns, f"a mask for {mask.shape[-1]} of {columns} tokens",
                 "one for all tokens", "give the mask for all tokens")
    if mask.name in node.whole:
        return _chosen(node, mask.name, scores)
    return binary(node, Add, scores, mask.name)


def _near(node: OnnxNode, rows: int, columns: int, past: int) -> NDArray[np.bool_] | None:
    """Which keys each query may see by its place: causal order, windows, keys that are padding."""
    offset, lengths = past, node.optional(6)
    seen = columns
    if lengths is not None:
        node.require(lengths.size == 1, f"{lengths.size} lengths", "one, for a batch of 1",
                     "export with a batch of 1")
        seen = int(lengths.reshape(-1)[0])
        offset = offset if node.has(4) else seen - rows
    place = np.arange(rows)[:, None] + offset
    key = np.arange(columns)[None]
    keep: NDArray[np.bool_] = np.broadcast_to(key < seen, (rows, columns))
    if node.integer("is_causal", 0):
        keep = keep & (key <= place)
    left, right = (node.integer(f"{side}_window_size", -1) for side in ("left", "right"))
    if left >= 0:
        keep = keep & (key >= place - left)
    if right >= 0:
        keep = keep & (key <= place + right)
    return None if keep.all() else keep


NODES: dict[str, Callable[[OnnxNode], None]] = {"Attention": attention}
