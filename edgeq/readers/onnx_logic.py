"""ONNX nodes of truth values: comparisons, logic, choices, casts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.ops.compare import Compare, LogicalNot
from edgeq.ops.function import Fn
from edgeq.ops.logic import Logic, Xor
from edgeq.ops.select import Select
from edgeq.readers.onnx_math import function, one_full
from edgeq.readers.onnx_node import OnnxNode

_FLOATS, _BOOL, _INTEGERS = (1, 10, 11, 16), 9, (2, 3, 4, 5, 6, 7, 12, 13)


def compare(less: bool, equal: bool, greater: bool) -> Callable[[OnnxNode], None]:
    """1 where a < b and `less`, a = b and `equal`, or a > b and `greater`; else 0."""
    def translate(node: OnnxNode) -> None:
        node.emit(Compare(name=node.label(), ins=one_full(node, *_reals(node, node.ins)),
                          outs=node.outs, less=less, equal=equal, greater=greater))
    return translate


def logic(is_max: bool) -> Callable[[OnnxNode], None]:
    """Or where `is_max`, else And."""
    def translate(node: OnnxNode) -> None:
        node.emit(Logic(name=node.label(), ins=one_full(node, *_reals(node, node.ins)),
                        outs=node.outs, is_max=is_max))
    return translate


def xor(node: OnnxNode) -> None:
    node.emit(Xor(name=node.label(), ins=one_full(node, *_reals(node, node.ins)),
                  outs=node.outs))


def not_(node: OnnxNode) -> None:
    node.emit(LogicalNot(name=node.label(), ins=node.ins, outs=node.outs))


def where(node: OnnxNode) -> None:
    """One of two values as a condition says; infinities are for masks (passes/fuse_masks.py)."""
    node.emit(Select(name=node.label(), ins=_reals(node, node.ins), outs=node.outs))


def _reals(node: OnnxNode, names: tuple[str, ...]) -> tuple[str, ...]:
    """`names`, whose constants of other types become float32."""
    found = []
    for name in names:
        data = node.tensors[name].data
        other = data is not None and data.dtype != np.float32 and node.tensors[name].q is None
        found.append(node.floats("real", np.asarray(data)) if other else name)
    return tuple(found)


def special(fn: Fn) -> Callable[[OnnxNode], None]:
    """IsNaN or IsInf: 0 for every value that integers hold."""
    def translate(node: OnnxNode) -> None:
        both = node.integer("detect_negative", 1) and node.integer("detect_positive", 1)
        node.require(bool(both), "tells infinities of one sign apart", "both signs",
                     "leave the test out of the model")
        function(node, fn, node.ins[0], out=node.outs[0])
    return translate


def cast(node: OnnxNode) -> None:
    """Casts of any value to a float type or to 0 and 1, and of whole numbers to whole numbers."""
    to, x = node.integer("to", 1), node.ins[0]
    whole = x in node.whole
    node.require(to in (*_FLOATS, _BOOL) or (whole and to in _INTEGERS), f"casts to type {to}",
                 "float types, BOOL, whole numbers to whole numbers",
                 "keep integers out of the run-time part")
    if to == _BOOL and not whole:
        zero = node.floats("zero", np.zeros(()))
        node.emit(Compare(name=node.label(), ins=(x, zero), outs=node.outs, less=True,
                          equal=False, greater=True))
    else:
        node.alias(x)


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "Greater": compare(False, False, True), "Less": compare(True, False, False),
    "GreaterOrEqual": compare(False, True, True), "LessOrEqual": compare(True, True, False),
    "Equal": compare(False, True, False),
    "And": logic(False), "Or": logic(True), "Xor": xor, "Not": not_,
    "Where": where, "Cast": cast, "IsNaN": special(Fn.IS_NAN), "IsInf": special(Fn.IS_INF),
}
