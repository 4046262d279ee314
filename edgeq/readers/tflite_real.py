"""Real values in the middle of a quantized file: DEQUANTIZE, an operator, QUANTIZE.

TensorFlow's converter writes this around operators that it cannot quantize (ELU, SQUARE, RSQRT,
UNPACK, the softmax of networks trained with fake quantization). edgeq computes them on the
integers that stand around them. Functions of one value become the same bytes: the table holds the
function of every real input, rounded as QUANTIZE does.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace

import numpy as np

from edgeq.ir import QuantParams, Tensor, same_params
from edgeq.ops.base import Fixed, Op, SameAsInput
from edgeq.ops.lut import Unary
from edgeq.readers.tables import RawNode

Tensors = MutableMapping[str, Tensor]


def quantized_behind(nodes: Sequence[RawNode], number: int,
                     params: Mapping[int, QuantParams | None]) -> QuantParams | None:
    """The parameters that every reader of tensor `number` quantizes it to; None where one does not
    or they differ. `params` has those of the tensors by number.
    """
    readers = [node for node in nodes if number in node.ins]
    found = [params.get(node.outs[0]) if node.kind == "QUANTIZE" else None for node in readers]
    first = found[0] if found else None
    if first is None or not all(q is not None and same_params(q, first) for q in found):
        return None
    return first


def settled(op: Op, tensors: Tensors, behind: Mapping[str, QuantParams | None]) -> Op:
    """`op` with parameters for its real outputs to compute in, where its inputs are integers.

    What moves values keeps its input's; a fixed range its own; others take those of the QUANTIZE
    `behind` them. Where there is none, the output stays real, and is refused later.
    """
    inputs = [tensors[n] for n in op.ins if not tensors[n].is_const]
    if not inputs or any(t.q is None for t in inputs):
        return op
    for i, name in enumerate(op.outs):
        old, q = tensors[name], _params(op, i, tensors, behind.get(name))
        if old.q is None and q is not None:
            tensors[name] = replace(old, q=q)
            if isinstance(op, Unary):
                return replace(op, apart=True)
    return op


def _params(op: Op, i: int, tensors: Tensors, behind: QuantParams | None) -> QuantParams | None:
    rule = op.output_rule(i)
    if isinstance(rule, SameAsInput):
        return tensors[op.ins[rule.index]].q
    if isinstance(rule, Fixed) and (behind is None or not isinstance(op, Unary)):
        return QuantParams(np.array(rule.scale), np.array(rule.zero, np.int32), rule.bits)
    return behind
