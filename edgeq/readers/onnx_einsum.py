"""ONNX's Einsum of two values as a product of matrices."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.onnx_products import product


def einsum(node: OnnxNode) -> None:
    """Einsum of two operands, each index once in an operand: a product of matrices."""
    text = node.text("equation", "").replace(" ", "")
    sides, _, result = text.partition("->")
    terms = sides.split(",")
    plain = len(terms) == 2 and "." not in text and "->" in text and all(
        len(set(t)) == len(t) for t in (*terms, result))
    node.require(plain, f"the equation {text!r}", "two operands, no repeated index, no dots",
                 "write it as a product of matrices")
    (a, b), sets = terms, [set(t) for t in (*terms, result)]
    batch = [i for i in a if i in sets[1] and i in sets[2]]
    inner = [i for i in a if i in sets[1] and i not in sets[2]]
    rows, cols = [i for i in a if i not in sets[1]], [i for i in b if i not in sets[0]]
    node.require(set(rows) | set(cols) | set(batch) == sets[2] and len(inner) == 1,
                 f"the equation {text!r}", "one index that is summed, in both operands",
                 "write it as a product of matrices")
    size = {i: n for t, k in zip(terms, (0, 1), strict=True)
            for i, n in zip(t, node.shape(k), strict=True)}

    def matrices(name: str, term: str, first: list[str], last: list[str]) -> str:
        order = tuple(term.index(i) for i in (*batch, *first, *last))
        sizes = (*(size[i] for i in batch), *(prod(size[i] for i in g) for g in (first, last)))
        return node.reshaped(node.transposed(name, order), sizes)

    y = product(node, matrices(node.ins[0], a, rows, inner),
                matrices(node.ins[1], b, inner, cols))
    order = [*batch, *rows, *cols]
    y = node.reshaped(y, tuple(size[i] for i in order))
    node.alias(node.transposed(y, tuple(order.index(i) for i in result)))


NODES: dict[str, Callable[[OnnxNode], None]] = {"Einsum": einsum}
