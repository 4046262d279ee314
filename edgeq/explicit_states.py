"""Models that take their state as an input and give the next one as an output.

While such a graph is read, simplified and quantized it stays *open*: every state's source is among
the inputs and its result among the outputs, so that all stages see them; `closed` then keeps them
inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeq.errors import UnsupportedError, UsageError
from edgeq.execute import run_float_steps
from edgeq.ir import FloatArray, Graph, State, Tensor, same_params
from edgeq.ops.base import Op
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.requantize import Requantize
from edgeq.ops.reshape import Reshape

Pair = tuple[str, str]  # input, output


def opened(graph: Graph, pairs: Sequence[Pair]) -> Graph:
    """`graph` with the states that `pairs` of inputs and outputs name; raises UsageError."""
    for source, result in pairs:
        for name, known in ((source, graph.ins), (result, graph.outs)):
            if name not in known:
                what = "input" if known is graph.ins else "output"
                raise UsageError(f"--state {source}={result}",
                                 f"{name!r} is no {what} of the model", ", ".join(known),
                                 "write INPUT=OUTPUT")
        graph = _in_order(graph, source, result)
        graph = _latest(graph, source, result)
        shapes = graph.tensor(source).shape, graph.tensor(result).shape
        if shapes[0] != shapes[1]:
            raise UsageError(f"--state {source}={result}",
                             f"shapes {shapes[0]} and {shapes[1]}", "the same shape",
                             "name the pair that belongs together")
        if shapes[0][:1] != (1,):
            graph = _behind_a_batch(graph, source, result)
    return graph.replace(states=(*graph.states, *(State(s, r) for s, r in pairs)))


def _in_order(graph: Graph, source: str, result: str) -> Graph:
    """`graph` whose output `result` has its axes as the input `source` has them.

    Readers may have moved the axes of the one and not of the other.
    """
    rank = len(graph.tensor(source).shape)
    plain = tuple(range(rank))
    given, wanted = (graph.moved.get(n, plain) for n in (result, source))
    if given == wanted or len(given) != len(wanted):
        return graph
    perm = tuple(given[i] for i in np.argsort(wanted))
    old = graph.tensor(result)
    inner = f"{result}/as_read"
    shape = tuple(old.shape[i] for i in perm)
    ops = tuple(replace(op, ins=_renamed(op.ins, result, inner),
                        outs=_renamed(op.outs, result, inner)) for op in graph.ops)
    turn = Transpose(name=f"{result}/order", ins=(inner,), outs=(result,), perm=perm)
    tensors = {**graph.tensors, inner: replace(old, name=inner),
               result: Tensor(result, shape, None, old.q)}
    moved = {**graph.moved, result: wanted}
    return replace(graph, tensors=tensors, ops=(*ops, turn), moved=moved)


def _latest(graph: Graph, source: str, result: str) -> Graph:
    """`graph` whose result is as long as its source: keys and values of earlier tokens and the
    new ones (past and present of attention) lose the oldest.
    """
    now, kept = graph.tensor(result), graph.tensor(source).shape
    if len(now.shape) != len(kept):
        return graph
    differ = [i for i, (n, k) in enumerate(zip(now.shape, kept, strict=True)) if n != k]
    if len(differ) != 1 or differ[0] == 0 or now.shape[differ[0]] < kept[differ[0]]:
        return graph
    whole = f"{result}/whole"
    ops = tuple(replace(op, ins=_renamed(op.ins, result, whole),
                        outs=_renamed(op.outs, result, whole)) for op in graph.ops)
    cuts = tuple(Cut(n - k, k, 1) for n, k in zip(now.shape, kept, strict=True))
    cut = Slice(name=f"{result}/latest", ins=(whole,), outs=(result,), cuts=cuts)
    tensors = {**graph.tensors, whole: replace(now, name=whole), result: replace(now, shape=kept)}
    return replace(graph, tensors=tensors, ops=(*ops, cut))


def _behind_a_batch(graph: Graph, source: str, result: str) -> Graph:
    """`graph` whose state has an axis of size 1 in front: the batch, which the file leaves out."""
    old = graph.tensor(source)
    to = (1, *old.shape)
    inner, last = f"{source}/as_read", f"{result}/as_read"
    ops = tuple(replace(op, ins=_renamed(_renamed(op.ins, source, inner), result, last),
                        outs=_renamed(op.outs, result, last)) for op in graph.ops)
    ends = (Reshape(name=inner, ins=(source,), outs=(inner,), to=old.shape),
            Reshape(name=f"{result}/batch", ins=(last,), outs=(result,), to=to))
    after = graph.tensor(result)
    tensors = {**graph.tensors, source: replace(old, shape=to), inner: replace(old, name=inner),
               last: replace(after, name=last), result: replace(after, shape=to)}
    moved = {n: (0, *(a + 1 for a in perm)) if n in (source, result) else perm
             for n, perm in graph.moved.items()}
    return replace(graph, tensors=tensors, ops=(ends[0], *ops, ends[1]), moved=moved)


def _renamed(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if n == old else n for n in names)


def closed(graph: Graph) -> Graph:
    """`graph` with its states inside; an integer result gets the parameters of its source.

    Raises UnsupportedError where no other input or output is left.
    """
    if not graph.states:
        return graph
    sources = {s.source for s in graph.states}
    results = {s.result for s in graph.states}
    ins = tuple(n for n in graph.ins if n not in sources)
    outs = tuple(n for n in graph.outs if n not in results)
    if not ins or not outs:
        raise UnsupportedError("states", f"leave {len(ins)} inputs and {len(outs)} outputs",
                               "at least one each", "keep fewer states")
    tensors, ops, states = dict(graph.tensors), list[Op](), []
    for state in graph.states:
        q, wanted = graph.tensor(state.result).q, graph.tensor(state.source).q
        if wanted is not None and state.initial is not None and state.initial.dtype.kind == "f":
            state = replace(state, initial=wanted.quantize(np.asarray(state.initial, np.float64)))
        if q is not None and wanted is not None and not same_params(q, wanted):
            name = f"{state.source}/next"
            tensors[name] = Tensor(name, graph.tensor(state.result).shape, None, wanted)
            ops.append(Requantize(name=name, ins=(state.result,), outs=(name,)))
            state = replace(state, result=name)
        states.append(state)
    return graph.replace(tensors=tensors, ops=(*graph.ops, *ops), ins=ins, outs=outs,
                         states=tuple(states))


def with_state_values(graph: Graph, samples: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """`samples` (n, ...) of the other inputs, which follow each other as the steps of one
    sequence, and the values that the states of the open float `graph` have before each.
    """
    if not graph.states:
        return dict(samples)
    steps = {name: x[None] for name, x in samples.items()}
    sources = [s.source for s in graph.states]
    found = run_float_steps(closed(graph), steps, sources)
    return {**samples, **{name: found[name][0] for name in sources}}
