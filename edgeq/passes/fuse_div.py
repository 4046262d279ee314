"""Quotient fusion: a product with a reciprocal becomes a division, exponentials over their sum a
softmax."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.reduce import Sum
from edgeq.ops.softmax import Softmax
from edgeq.passes.chain import sole_consumer
from edgeq.passes.drop_unused import drop_unused


def fuse_div(graph: Graph) -> Graph:
    """`graph` with a * (1 / b) as a / b, and e^x / sum(e^x) over the last axis as a softmax.

    Eight bits hold a quotient well, but not the reciprocals of values that reach towards 0.
    Float graphs only.
    """
    if any(t.q is not None for t in graph.tensors.values()):
        return graph
    for op in graph.ops:
        if isinstance(op, Function):
            graph = _divided(graph, op)
    for op in graph.ops:
        softmax = _softmax(graph, op) if isinstance(op, Div) else None
        if softmax is not None:
            graph = graph.replace(ops=tuple(softmax if o is op else o for o in graph.ops))
    return drop_unused(graph)


def _divided(g: Graph, inverse: Function) -> Graph:
    """`g` with the product that `inverse` goes into as a division."""
    mul = sole_consumer(g, inverse.outs[0])
    if not isinstance(mul, Mul):
        return g
    other = mul.ins[1 - mul.ins.index(inverse.outs[0])]
    made, tensors = list[Op](), dict(g.tensors)
    if inverse.fn_of is Fn.RECIPROCAL or (inverse.fn_of is Fn.POWER and inverse.a == -1.0):
        under = inverse.ins[0]
    elif inverse.fn_of is Fn.POWER and inverse.a == -0.5:
        under = f"{inverse.outs[0]}/root"
        tensors[under] = Tensor(under, g.tensor(inverse.ins[0]).shape)
        made.append(replace(inverse, outs=(under,), fn_of=Fn.SQRT, a=0.0))
    else:
        return g
    made.append(Div(name=mul.name, ins=(other, under), outs=mul.outs, act=mul.act))
    ops = [new for o in g.ops if o is not inverse for new in (made if o is mul else [o])]
    return g.replace(tensors=tensors, ops=tuple(ops))


def _softmax(g: Graph, op: Div) -> Softmax | None:
    """The softmax that the quotient `op` is, or None."""
    power, total = (g.producer(n) for n in op.ins)
    if (not isinstance(power, Function) or power.fn_of is not Fn.EXP or op.act is not Act.NONE
            or not isinstance(total, Sum) or total.ins != power.outs or not total.keep_dims):
        return None
    shape = g.tensor(power.outs[0]).shape
    if [a for a in total.axes if shape[a] > 1] not in ([len(shape) - 1], []):
        return None
    if len(shape) - 1 not in total.axes:
        return None
    x, shift = power.ins[0], g.producer(power.ins[0])
    if (isinstance(shift, Sub) and shift.act is Act.NONE and g.tensor(shift.ins[0]).shape == shape
            and g.tensor(shift.ins[1]).shape[-1:] == (1,)):
        x = shift.ins[0]  # what is taken off a whole row, its maximum, changes nothing
    return Softmax(name=op.name, ins=(x,), outs=op.outs)
