"""Dense rows in the order that is wanted behind: saves the transpose of decoders."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from edgeq.ir import Array, Graph, QuantParams, Tensor
from edgeq.ops.base import Op
from edgeq.ops.dense import Dense
from edgeq.ops.gather import Transpose
from edgeq.ops.lut import Unary
from edgeq.ops.reshape import Reshape
from edgeq.passes.chain import sole_consumer


def turn_dense_rows(graph: Graph) -> Graph:
    """`graph` without transposes of what one dense layer gives: its rows are reordered.

    That is dense, elementwise functions and a reshape, in any order, then the transpose, with
    no other reader in between.
    """
    for op in graph.ops:
        if isinstance(op, Transpose):
            chain = _chain(graph, op)
            if chain is not None:
                graph = _turned(graph, op, chain)
    return graph


def _chain(g: Graph, last: Transpose) -> tuple[Op, ...] | None:
    """The operators from the dense layer to the one before `last`, or None."""
    found: list[Op] = []
    name = last.ins[0]
    while sole_consumer(g, name) is not None:
        op = g.producer(name)
        if op is None or not isinstance(op, Dense | Reshape | Unary):
            return None
        found.append(op)
        if isinstance(op, Dense):
            fixed = all(g.tensor(n).is_const for n in op.ins[1:])
            one_row = g.tensor(op.outs[0]).size == g.tensor(op.ins[1]).shape[0]
            return tuple(reversed(found)) if fixed and one_row else None
        name = op.ins[0]
    return None


def _turned(g: Graph, last: Transpose, chain: tuple[Op, ...]) -> Graph:
    dense, shape = chain[0], g.tensor(last.ins[0]).shape
    order = np.arange(prod(shape)).reshape(shape).transpose(last.perm).reshape(-1)
    weight, bias = (rows_of(g.tensor(n), order, f"{n}@rows") for n in dense.ins[1:])
    new_dense = replace(dense, ins=(dense.ins[0], weight.name, bias.name))
    to = g.tensor(last.outs[0]).shape
    swap = {id(dense): new_dense,
            id(last): Reshape(name=last.name, ins=last.ins, outs=last.outs, to=to)}
    ops = tuple(swap.get(id(op), op) for op in g.ops)
    return g.replace(tensors={**g.tensors, weight.name: weight, bias.name: bias}, ops=ops)


def rows_of(tensor: Tensor, order: Array, name: str) -> Tensor:
    """`tensor` with the entries `order` of axis 0, in that order."""
    assert tensor.data is not None
    q = tensor.q
    if q is not None and q.axis == 0:
        q = QuantParams(q.scale[order], q.zero[order], q.bits, 0)
    data = np.ascontiguousarray(tensor.data[order])
    return Tensor(name, data.shape, data, q)
