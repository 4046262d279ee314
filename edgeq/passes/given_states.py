"""Recurrent layers that start from a given state: kept inside where states allow, else written out.

A file may pack the states of several layers into one tensor, cut it up in front of them and put
it together again behind. Where every value that a layer starts from is a value of a kept state,
and the state takes it back from the same place of what the layer ends with, the layer keeps its
state itself, in its own integers (an LSTM's cell has 16 bits), and the packing goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph, State, Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.concat import Concat
from edgeq.ops.elementwise import Add
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.reshape import Reshape
from edgeq.passes.drop_unused import drop_unused
from edgeq.passes.unrolled import unrolled
from edgeq.readers.onnx_node import OnnxNode

Ids = NDArray[np.floating]  # which value of a state or of a layer's end stands there; -1: none


def given_states(graph: Graph) -> Graph:
    """The open float `graph` without layers that start from tensors other than states."""
    given = [op for op in graph.ops if isinstance(op, Recurrent) and op.stateful]
    if not given:
        return graph
    kept = _kept(graph, given)
    found = _keeping(graph, kept) if kept else None
    if found is not None:
        graph = found
    else:
        kept = []
    for op in given:
        if op not in kept:
            graph = _written_out(graph, op)
    return graph


def _state_ins(op: Recurrent) -> tuple[str, ...]:
    return tuple(op.ins[i] for i, _ in op.carried())


def _state_outs(op: Recurrent) -> tuple[str, ...]:
    return tuple(op.outs[o] for _, o in op.carried())


def _kept(graph: Graph, given: Sequence[Recurrent]) -> list[Recurrent]:
    """The layers that find in a state what they left there."""
    ids, first = _ids(graph)
    back: dict[float, float] = {}  # value of a state -> what replaces it
    for state in graph.states:
        back |= dict(zip(ids[state.source].reshape(-1).tolist(),
                         ids[state.result].reshape(-1).tolist(), strict=True))

    def keeps(op: Recurrent) -> bool:
        return all(
            back.get(start, -2.0) == first[end] + i
            for source, end in zip(_state_ins(op), _state_outs(op), strict=True)
            for i, start in enumerate(ids[source].reshape(-1).tolist()))

    return [op for op in given if keeps(op)]


def _ids(graph: Graph) -> tuple[dict[str, Ids], dict[str, int]]:
    """For every tensor the values that were only moved into it; the first number of each origin."""
    first: dict[str, int] = {}
    ids: dict[str, Ids] = {}
    count = 0

    def origin(name: str) -> None:
        nonlocal count
        shape, size = graph.tensor(name).shape, graph.tensor(name).size
        first[name] = count
        ids[name] = np.arange(count, count + size, dtype=np.float64).reshape(shape)
        count += size

    for state in graph.states:
        origin(state.source)
    for op in graph.ops:
        moves = isinstance(op, Reshape | Slice | Transpose) or type(op) is Concat
        if _adds_nothing(graph, op):
            ids[op.outs[0]] = _ids_of(graph, ids, op.ins[0])
        elif moves and any(n in ids for n in op.ins):
            ids[op.outs[0]] = np.asarray(op.run(*(_ids_of(graph, ids, n) for n in op.ins))[0])
        elif isinstance(op, Recurrent) and op.stateful:
            for name in _state_outs(op):
                origin(name)
    return {n: _ids_of(graph, ids, n) for n in graph.tensors}, first


def _adds_nothing(graph: Graph, op: Op) -> bool:
    """True for the sum of a tensor and zeros."""
    if not isinstance(op, Add) or graph.tensor(op.ins[0]).shape != graph.tensor(op.outs[0]).shape:
        return False
    other = graph.tensor(op.ins[1]).data
    return other is not None and op.act is Act.NONE and not np.any(other)


def _ids_of(graph: Graph, ids: Mapping[str, Ids], name: str) -> FloatArray:
    found = ids.get(name)
    return np.full(graph.tensor(name).shape, -1.0) if found is None else found


def _keeping(graph: Graph, kept: Sequence[Recurrent]) -> Graph | None:
    """`graph` in which these layers keep their states; None where something else reads one."""
    tensors, swap = dict(graph.tensors), {}
    states: list[State] = []
    ids, first = _ids(graph)
    initial = np.concatenate([np.asarray(graph.initial(s), np.float32).reshape(-1)
                              for s in sorted(graph.states, key=lambda s: first[s.source])])
    for op in kept:
        names = []
        for source, end in zip(_state_ins(op), _state_outs(op), strict=True):
            names.append(f"{end}/kept")
            tensors[names[-1]] = Tensor(names[-1], graph.tensor(end).shape)
            start = initial[ids[source].astype(np.int64)]
            states.append(State(names[-1], end, start if np.any(start) else None))
        swap[op.name] = replace(op, ins=(*op.ins[:len(op.ins) - len(names)], *names))
    ops = tuple(swap.get(op.name, op) for op in graph.ops)
    old = {s.source for s in graph.states}, {s.result for s in graph.states}
    ins = tuple(n for n in graph.ins if n not in old[0])
    outs = tuple(n for n in graph.outs if n not in old[1])
    more_ins = tuple(s.source for s in states)
    more_outs = tuple(s.result for s in states)
    new = replace(graph, tensors=tensors, ops=ops, ins=(*ins, *more_ins, *old[0]),
                  outs=(*outs, *more_outs), states=tuple(states))
    new = drop_unused(new)
    if any(new.consumers(name) for name in old[0]):
        return None
    return new.replace(ins=(*ins, *more_ins))


def _written_out(graph: Graph, op: Recurrent) -> Graph:
    """`graph` with `op` as plain layers, step by step."""
    tensors = dict(graph.tensors)
    node = OnnxNode(op.name, type(op).__name__, op.name, 0, (), (op.outs[0],), {}, tensors)
    steps, in_c = graph.tensor(op.ins[0]).shape[1:]
    frames = []
    for t in range(steps):
        cut = Slice(name=node.label(), ins=op.ins[:1], outs=(node.temp("frame"),),
                    cuts=(Cut(0, 1, 1), Cut(t, 1, 1), Cut(0, in_c, 1)))
        frames.append(node.reshaped(node.emit(cut), (1, in_c)))
    start = (*_state_ins(op), "")
    consts = op.ins[:len(op.ins) - len(op.state_bits)]
    made = unrolled(node, replace(op, ins=consts), frames, start[0], start[1])
    units = tensors[op.ins[2]].shape[1]
    rows = [node.reshaped(s, (1, 1, units)) for s in made.states]
    whole = rows[0] if steps == 1 else node.emit(Concat(
        name=node.label(), ins=tuple(rows), outs=(node.temp("rows"),), axis=1))
    node.reshaped(whole, (1, steps, units), op.outs[0])
    ends = (made.states[-1], made.cell) if isinstance(op, Lstm) else (made.states[-1],)
    for name, value in zip(op.outs[1:], ends, strict=True):
        node.reshaped(value, (1, units), name)
    at = graph.ops.index(op)
    ops: tuple[Op, ...] = (*graph.ops[:at], *node.ops, *graph.ops[at + 1:])
    return graph.replace(tensors=tensors, ops=ops)
