"""Variables, loops and branches of TFLite files: what lies between a node and other graphs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import tflite

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array, State, Tensor
from edgeq.ops.base import Op
from edgeq.ops.reshape import Reshape
from edgeq.readers.tables import RawModel, RawNode

MOST_TURNS = 1000  # of a loop
_FIX = "export the model again"


@dataclass(frozen=True, eq=False)
class Variables:
    """The variables that a file reads and assigns, by their name in the file."""

    handles: dict[str, str] = field(default_factory=dict)  # resource tensor -> variable
    values: dict[str, str] = field(default_factory=dict)  # variable -> tensor that has it now
    sources: dict[str, str] = field(default_factory=dict)  # variable -> what the first read gave
    initial: dict[str, Array] = field(default_factory=dict)  # variable -> what CALL_ONCE assigned

    def handle(self, tensor: str, name: str) -> None:
        """VAR_HANDLE: the resource `tensor` is the variable `name`."""
        self.handles[tensor] = name

    def variable(self, where: str, handle: str) -> str:
        if handle not in self.handles:
            raise ModelError(where, f"reads {handle!r}, which is no variable", "a VAR_HANDLE", _FIX)
        return self.handles[handle]

    def read(self, where: str, handle: str, like: Tensor, tensors: dict[str, Tensor]) -> str:
        """READ_VARIABLE: the tensor that holds the value; the first read makes it a source."""
        name = self.variable(where, handle)
        if name not in self.values:
            source = f"variable {name}"
            tensors[source] = Tensor(source, like.shape, None, like.q)
            self.values[name] = self.sources[name] = source
        return self.values[name]

    def assign(self, where: str, handle: str, tensor: str) -> None:
        """ASSIGN_VARIABLE: the variable has the value of `tensor` from here on."""
        self.values[self.variable(where, handle)] = tensor

    def states(self, tensors: dict[str, Tensor]) -> tuple[tuple[State, ...], tuple[Op, ...]]:
        """The states of the graph, and operators that give each its next value a name of its own.

        A variable that is never assigned is the constant it began as.
        """
        states, ops = [], []
        for name, source in self.sources.items():
            value, shape = self.values[name], tensors[source].shape
            start = self.initial.get(name)
            if start is not None and start.shape != shape:
                raise ModelError(f"variable {name!r}", f"starts with shape {start.shape}",
                                 f"{shape}", _FIX)
            if value == source:
                q = tensors[source].q
                zero = np.zeros(shape, np.float32) if q is None else np.full(
                    shape, int(q.zero), np.int8)
                tensors[source] = Tensor(source, shape, zero if start is None else start, q)
                continue
            if tensors[value].shape != shape or tensors[value].is_const:
                raise UnsupportedError(f"variable {name!r}", "is assigned a constant or a value of "
                                       f"shape {tensors[value].shape}", f"values of {shape}",
                                       "keep the shape of variables")
            after = f"{source}/next"
            tensors[after] = Tensor(after, shape, None, tensors[value].q)
            ops.append(Reshape(name=after, ins=(value,), outs=(after,), to=shape))
            states.append(State(source, after, start))
        return tuple(states), tuple(ops)


class Reading(Protocol):
    """A graph of a file half read, as readers/tflite.py has it."""

    @property
    def raw(self) -> RawModel: ...
    @property
    def tensors(self) -> dict[str, Tensor]: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def variables(self) -> Variables: ...
    def step(self, raw: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]: ...
    def inputs(self, raw: RawNode) -> tuple[str, ...]: ...
    def place(self, raw: RawNode) -> str: ...
    def inner(self, names: list[str], variables: Variables) -> Reading: ...


def var_handle(state: Reading, node: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
    """VAR_HANDLE: names a variable."""
    state.variables.handle(state.names[node.outs[0]], _variable_name(node))
    return ()


def read_variable(state: Reading, node: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
    """READ_VARIABLE: its output stands for what the variable holds now."""
    (i,), (o,) = node.ins, node.outs
    state.names[o] = state.variables.read(state.place(node), state.names[i],
                                          state.tensors[state.names[o]], state.tensors)
    return ()


def assign_variable(state: Reading, node: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
    """ASSIGN_VARIABLE: later reads, and the next run, get the value."""
    handle, value = (state.names[i] for i in node.ins)
    state.variables.assign(state.place(node), handle, value)
    return ()


def call_once(state: Reading, node: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
    """CALL_ONCE: its graph gives variables the values that they begin with."""
    index, given = _graphs_of(node).first, Variables()
    inner = _inside(state, node, index, (), "", given)
    for each in state.raw.subgraph(index).nodes:
        inner.step(each, ())
    for name, value in given.values.items():
        data = state.tensors[value].data
        if data is None:
            raise UnsupportedError(state.place(node), f"computes the first value of {name!r}",
                                   "constants", "start variables with constants")
        state.variables.initial[name] = data
    return ()


def branch(state: Reading, node: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
    """IF with a known condition: the branch that it takes."""
    graphs, (condition, *values) = _graphs_of(node), state.inputs(node)
    taken = graphs.first if _truth(state, node, condition) else graphs.second
    ops, given = _run(state, node, taken, tuple(values), "")
    _name_outputs(state, node, given)
    return ops


def loop(state: Reading, node: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
    """WHILE with a known number of turns: its body, turn after turn; constants stay shared."""
    graphs, values, made = _graphs_of(node), state.inputs(node), list[Op]()
    for turn in range(MOST_TURNS):
        ops, (go_on,) = _run(state, node, graphs.first, values, f"if{turn}/")
        if not _truth(state, node, go_on):
            _name_outputs(state, node, values)
            return tuple(made)
        ops, values = _run(state, node, graphs.second, values, f"{turn}/")
        made += ops
    raise UnsupportedError(state.place(node), f"more than {MOST_TURNS} turns",
                           f"at most {MOST_TURNS}", "use a recurrent layer")


def _name_outputs(state: Reading, node: RawNode, values: tuple[str, ...]) -> None:
    """The outputs of `node` are the tensors `values`."""
    for out, value in zip(node.outs, values, strict=True):
        state.names[out] = value


def _run(state: Reading, node: RawNode, index: int, values: tuple[str, ...],
         turn: str) -> tuple[tuple[Op, ...], tuple[str, ...]]:
    """The operators of subgraph `index` on the tensors `values`, and the tensors that it gives."""
    graph = state.raw.subgraph(index)
    inner = _inside(state, node, index, values, turn, state.variables)
    ops: list[Op] = []
    for each in graph.nodes:
        ops += inner.step(replace(each, label=f"{_home(node)}/{turn}"), ())
    return tuple(ops), tuple(inner.names[o] for o in graph.outs)


def _inside(state: Reading, node: RawNode, index: int, values: tuple[str, ...], turn: str,
            variables: Variables) -> Reading:
    """The reading of subgraph `index`, whose inputs are the tensors `values`."""
    graph, home = state.raw.subgraph(index), f"{_home(node)}/{index}/"
    if len(graph.ins) != len(values):
        raise ModelError(state.place(node), f"{len(values)} values for {len(graph.ins)} inputs",
                         "one each", _FIX)
    given, names = dict(zip(graph.ins, values, strict=True)), []
    for i, r in enumerate(graph.tensors):
        name = given.get(i, f"{home}{'' if r.tensor.is_const else turn}{r.tensor.name}")
        if i not in given and name not in state.tensors:
            state.tensors[name] = replace(r.tensor, name=name)
        names.append(name)
    return state.inner(names, variables)


def _home(node: RawNode) -> str:
    return f"{node.label}{node.kind.lower()}_{node.index}"


@dataclass(frozen=True)
class Graphs:
    """Which other graphs of the file a node runs."""

    first: int  # the condition of a loop, the branch taken if true, or what CALL_ONCE runs
    second: int = -1  # the body of a loop, the other branch


def _graphs_of(node: RawNode) -> Graphs:
    """The graphs of a WHILE, IF or CALL_ONCE node."""
    table = node.op.BuiltinOptions()
    if table is None:
        raise ModelError(node.kind, "has no options", "the graphs to run", _FIX)
    if node.kind == "WHILE":
        loop = tflite.WhileOptions()
        loop.Init(table.Bytes, table.Pos)
        return Graphs(loop.CondSubgraphIndex(), loop.BodySubgraphIndex())
    if node.kind == "IF":
        branch = tflite.IfOptions()
        branch.Init(table.Bytes, table.Pos)
        return Graphs(branch.ThenSubgraphIndex(), branch.ElseSubgraphIndex())
    once = tflite.CallOnceOptions()
    once.Init(table.Bytes, table.Pos)
    return Graphs(once.InitSubgraphIndex())


def _variable_name(node: RawNode) -> str:
    """The name of the variable of a VAR_HANDLE node."""
    table = node.op.BuiltinOptions()
    if table is None:
        raise ModelError(node.kind, "has no options", "the variable's name", _FIX)
    opts = tflite.VarHandleOptions()
    opts.Init(table.Bytes, table.Pos)
    parts = (opts.Container() or b"", opts.SharedName() or b"")
    return "/".join(p.decode("utf-8", "replace") for p in parts if p) or "unnamed"


def _truth(state: Reading, node: RawNode, name: str) -> bool:
    """The value of the condition `name`, which must be known; raises UnsupportedError."""
    data = state.tensors[name].data
    if data is None or data.size != 1:
        raise UnsupportedError(state.place(node), "depends on values that are known at run time "
                               "only", "loops over a known number of steps, known branches",
                               "unroll the loop before export (tf.keras: unroll=True)")
    return bool(data.reshape(-1)[0])
