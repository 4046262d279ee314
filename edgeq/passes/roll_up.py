"""Roll up: the steps of a recurrent layer that a file has one after the other become one layer.

Keras writes a layer with unroll=True step by step, and a loop that the converter did not fuse is
read turn by turn. Every step that computes what our Lstm, Gru or Rnn does (cells.py) is compared
with the one behind it: equal matrices, equal biases, its state handed on. What such a chain
computes is what the layer computes, whatever the operators in between are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir import FloatArray, Graph
from edgeq.ops.concat import Concat
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.passes.affine import Affine, Forms, Term
from edgeq.passes.cells import Cell, cells
from edgeq.passes.drop_unused import drop_unused
from edgeq.passes.in_order import in_order
from edgeq.passes.rejoin import rejoined, turned
from edgeq.readers.onnx_node import OnnxNode


def roll_up(graph: Graph) -> Graph:
    """The float `graph` in which written-out recurrent layers are layers again."""
    refused: set[str] = set()
    while True:
        forms = Forms(graph)
        chains = [c for c in _chains(list(cells(graph, forms))) if c[0].state not in refused]
        made = ((chain, _layer(graph, forms, chain)) for chain in chains)
        found = next(((chain, layer) for chain, layer in made if layer is not None), None)
        if found is None:
            return graph
        chain, layer = found
        rolled = _rolled(graph, chain, layer)
        if rolled is None:
            refused.add(chain[0].state)
        else:
            graph = rejoined(drop_unused(rolled))


@dataclass(frozen=True, eq=False)
class _Layer:
    """The constants of a chain, and what its steps read."""

    start: str  # the state in front of the first step; "" for zero
    weights: FloatArray  # (gates * units, in_c)
    states: FloatArray  # (gates * units, units)
    bias: FloatArray
    state_bias: FloatArray
    frames: tuple[tuple[Term, ...], ...]  # of each step, whose values together are its x


def _chains(found: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Cells of which each goes on from the one before, the longest runs."""
    by_state = {c.state: c for c in found}
    by_cell = {c.cell: c for c in found if c.cell}
    following: dict[str, Cell] = {}
    for c in found:
        before = by_cell.get(c.cell_before) if c.kind is Lstm else by_state.get(c.before)
        if c.kind is Rnn:
            before = _before_rnn(c, by_state)
        if before is not None and before.kind is c.kind:
            following.setdefault(before.state, c)
    behind = {c.state for c in following.values()}
    for c in found:
        if c.state not in behind:
            chain = [c]
            while chain[-1].state in following:
                chain.append(following[chain[-1].state])
            yield chain


def _before_rnn(c: Cell, by_state: Mapping[str, Cell]) -> Cell | None:
    """The step in front of the plain step `c`: of those it reads, the one that sums alike."""
    (form,) = c.gates
    assert form is not None
    mine = [t.dense() for t in form.terms]
    for t in form.terms:
        other = by_state.get(t.root)
        if other is None or other.kind is not Rnn or len(t.ids) != len(form.bias):
            continue
        (theirs,) = other.gates
        assert theirs is not None
        if np.allclose(theirs.bias, form.bias, atol=1e-6) and all(
                any(_same(m.dense(), n) for n in mine) for m in theirs.terms):
            return other
    return None


def _same(a: FloatArray, b: FloatArray) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b))


def _layer(graph: Graph, forms: Forms, chain: Sequence[Cell]) -> _Layer | None:
    """What all steps of `chain` have in common; None where they are no layer."""
    last, sources = chain[-1], {s.source for s in graph.states}
    if any(gate is None for gate in last.gates) or (
            len(chain) == 1 and not _goes_round(graph, forms, last)):
        return None
    start = _start(chain, sources)
    if start is None:
        return None
    before = [start, *(c.state for c in chain[:-1])]
    parts = [_parts(c, b) for c, b in zip(chain, before, strict=True)]
    wanted = parts[-1]
    if wanted is None or any(u is None for u in wanted.states) or not wanted.alike:
        return None
    for c, b, part in zip(chain, before, parts, strict=True):
        if part is None or not part.fits(wanted, from_zero=not b) or (
                c.reset_first != last.reset_first and b):
            return None
    states = [u for u in wanted.states if u is not None]
    frames = tuple(p.frame for p in parts if p is not None)
    weights = np.concatenate([np.concatenate(row, 1) for row in wanted.weights])
    return _Layer(start, weights, np.concatenate(states), np.concatenate(wanted.biases),
                  wanted.state_bias, frames)


def _goes_round(graph: Graph, forms: Forms, cell: Cell) -> bool:
    """True for a single step that starts from a state of the graph and gives it its next value."""
    roots = {t.root for gate in cell.gates if gate is not None for t in gate.terms}
    for state in graph.states:
        form = forms.of(state.result)
        if state.source in {*roots, cell.before} and form.is_view and (
                form.terms[0].root == cell.state and form.terms[0].is_whole):
            return True
    return False


def _start(chain: Sequence[Cell], sources: set[str]) -> str | None:
    """The state in front of the first step: "" for zero, None where it cannot be told."""
    first, last = chain[0], chain[-1]
    if first.kind is Gru:
        return first.before
    if first.kind is Lstm and not first.cell_before:
        return ""
    form = next(gate for gate in first.gates if gate is not None)
    if len(chain) == 1:
        return next((t.root for t in form.terms if t.root in sources
                     and t.root != first.cell_before), None)
    known = _parts(last, chain[-2].state)
    u = None if known is None else known.states[0]
    if u is None:
        return None
    return next((t.root for t in form.terms if _same(t.dense(), u) and len(form.terms) > 1
                 and t.is_whole), "" if first.kind is Rnn else None)


@dataclass(frozen=True, eq=False)
class _Parts:
    """The sums of one step: what acts on its frame and what on the state."""

    weights: tuple[tuple[FloatArray, ...], ...]  # of each gate, for each term of the frame
    states: tuple[FloatArray | None, ...]  # of each gate
    biases: tuple[FloatArray, ...]
    state_bias: FloatArray  # (gates * units,)
    frame: tuple[Term, ...]
    missing: tuple[bool, ...]  # gates that a step from zero does not need
    alike: bool  # all gates read the same frame

    def fits(self, wanted: _Parts, from_zero: bool) -> bool:
        """True where these are the sums of the step `wanted`, as far as they are there."""
        if not self.alike or len(self.frame) != len(wanted.frame):
            return False
        for i, gone in enumerate(self.missing):
            if gone:
                if not from_zero:
                    return False
                continue
            u, other = self.states[i], wanted.states[i]
            if not from_zero and (u is None or other is None or not _same(u, other)):
                return False
            if not np.allclose(self.biases[i], wanted.biases[i], rtol=1e-5, atol=1e-6):
                return False
            if not all(_same(a, b) for a, b in zip(
                    self.weights[i], wanted.weights[i], strict=True)):
                return False
        return bool(np.allclose(self.state_bias, wanted.state_bias, rtol=1e-5, atol=1e-6))


def _parts(cell: Cell, before: str) -> _Parts | None:
    """The sums of `cell` by what they act on; None where they have another form."""
    forms = list(cell.gates)
    units = len(next(f for f in forms if f is not None).bias)
    state_bias = np.zeros(len(forms) * units, np.float32)
    if cell.met is not None and forms[-1] is not None:
        state_bias[-units:] = cell.met.bias
        forms[-1] = forms[-1].plus(Affine(cell.met.terms, np.zeros_like(cell.met.bias)))
    weights: list[tuple[FloatArray, ...]] = []
    states: list[FloatArray | None] = []
    biases: list[FloatArray] = []
    frame: tuple[Term, ...] = ()
    alike = True
    for form in forms:
        if form is None:
            weights.append(())
            states.append(None)
            biases.append(np.zeros(units, np.float32))
            continue
        rest = tuple(t for t in form.terms if t.root != before)
        mine = [t for t in form.terms if t.root == before]
        if len(form.bias) != units or len(mine) > 1 or any(not t.is_whole for t in mine):
            return None
        frame = frame or rest
        alike = alike and [t.key for t in rest] == [t.key for t in frame] and bool(rest)
        weights.append(tuple(t.dense() for t in rest))
        states.append(mine[0].dense() if mine else None)
        biases.append(np.asarray(form.bias, np.float32))
    return _Parts(tuple(weights), tuple(states), tuple(biases), state_bias, frame,
                  tuple(f is None for f in forms), alike)


def _rolled(graph: Graph, chain: Sequence[Cell], layer: _Layer) -> Graph | None:
    """`graph` with the layer in the place of `chain`; None where its frames need its states."""
    tensors, last = dict(graph.tensors), chain[-1]
    kind = last.kind
    label = _label(graph, kind.__name__.lower())
    node = OnnxNode(f"{label}/moves", kind.__name__, label, 0, (), (f"{label}/states",), {},
                    tensors)
    columns = [_sequence(node, [f[i] for f in layer.frames])
               for i in range(len(layer.frames[0]))]
    if any(not c for c in columns):
        return None
    x = columns[0] if len(columns) == 1 else node.emit(Concat(
        name=node.label(), ins=tuple(columns), outs=(node.temp("frames"),), axis=2))
    consts = [node.floats("w", layer.weights), node.floats("r", layer.states),
              node.floats("b", layer.bias)]
    if kind is Gru:
        consts.append(node.floats("c", layer.state_bias))
    made = _operator(graph, node, label, chain, layer, (x, *consts))
    states = node.emit(made)
    units = layer.states.shape[1]
    for t, c in enumerate(chain):
        shape = graph.tensor(c.state).shape
        out = c.state if shape == (1, units) else node.temp("row")
        row = node.emit(Slice(name=node.label(), ins=(states,), outs=(out,), drop=(1,),
                              cuts=(Cut(0, 1, 1), Cut(t, 1, 1), Cut(0, units, 1))))
        if row != c.state:
            node.reshaped(row, shape, c.state)
    gone = {c.state for c in chain}
    if made.stateful:
        for name, end in zip((last.state, last.cell), made.outs[1:], strict=False):
            node.reshaped(end, graph.tensor(name).shape, name)
        gone |= {last.cell}
        node.ops[:] = [op for op in node.ops if op.outs != (last.state,)
                       or op.ins[0] == made.outs[1]]
    kept = [op for op in graph.ops if not gone & set(op.outs)]
    ops = in_order([*node.ops, *kept])
    return None if ops is None else graph.replace(tensors=tensors, ops=ops)


def _operator(graph: Graph, node: OnnxNode, label: str, chain: Sequence[Cell], layer: _Layer,
              ins: tuple[str, ...]) -> Recurrent:
    """The layer itself; it starts from and gives its state where the graph has a use for that."""
    last, units = chain[-1], layer.states.shape[1]
    op: Recurrent
    if last.kind is Gru:
        op = Gru(name=label, ins=ins, outs=node.outs, reset_first=last.reset_first)
    else:
        op = last.kind(name=label, ins=ins, outs=node.outs)
    ends = {*graph.outs, *(s.result for s in graph.states)}
    cell_read = last.cell and (last.cell in ends or len(graph.consumers(last.cell)) > 1)
    if not layer.start and not cell_read:
        return op
    start = [s for s in (layer.start, chain[0].cell_before) if s]
    count = len(op.state_bits)
    given = tuple(node.reshaped(s, (1, units)) for s in start[:count]) or tuple(
        node.floats("start", np.zeros((1, units), np.float32)) for _ in range(count))
    more = tuple(f"{node.outs[0]}/end{i}" for i in range(count))
    return replace(op, stateful=True, ins=(*ins, *given), outs=(*node.outs, *more))


def _label(graph: Graph, kind: str) -> str:
    """A name for a layer that no operator and no tensor has."""
    taken, n = {op.name for op in graph.ops}, 0
    while f"{kind}_{n}" in taken or f"{kind}_{n}/states" in graph.tensors:
        n += 1
    return f"{kind}_{n}"


def _sequence(node: OnnxNode, terms: Sequence[Term]) -> str:
    """The values of the terms, one of each step, as (1, steps, k); "" where they are scattered."""
    steps, k, root = len(terms), len(terms[0].ids), terms[0].root
    size = node.tensors[root].size
    if all(t.root == root for t in terms) and size == steps * k:
        rows = np.stack([t.ids for t in terms])
        whole = np.arange(size).reshape(steps, k)
        if np.array_equal(rows, whole):
            return node.reshaped(root, (1, steps, k))
        if np.array_equal(rows, whole[::-1]):
            return turned(node, root, steps, k)
    frames = []
    for t in terms:
        n, first = node.tensors[t.root].size, int(t.ids[0])
        if not np.array_equal(t.ids, np.arange(first, first + k)):
            return ""
        part = node.reshaped(t.root, (1, n))
        if n > k:
            part = node.emit(Slice(name=node.label(), ins=(part,), outs=(node.temp("frame"),),
                                   cuts=(Cut(0, 1, 1), Cut(first, k, 1))))
        frames.append(node.reshaped(part, (1, 1, k)))
    if steps == 1:
        return frames[0]
    return node.emit(Concat(name=node.label(), ins=tuple(frames), outs=(node.temp("sequence"),),
                            axis=1))
