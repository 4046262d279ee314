"""Cells: where a float graph computes one step of an LSTM, a GRU or a plain recurrent layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from edgeq.ir import Graph
from edgeq.ops.activations import Logistic, Tanh
from edgeq.ops.base import Act, Op
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.reshape import Reshape
from edgeq.ops.rnn import Rnn
from edgeq.passes.affine import Affine, Forms, Term


@dataclass(frozen=True, eq=False)
class Cell:
    """One step: what it computes of what, its constants still where the forms have them."""

    kind: type[Recurrent]
    state: str  # h, the tensor that the step gives
    before: str  # h of the step before; "" where that is zero or (Rnn) not known yet
    gates: tuple[Affine | None, ...]  # sums in the layer's order; None: not needed from zero
    cell: str = ""  # c of an LSTM
    cell_before: str = ""
    reset_first: bool = False  # of a GRU
    met: Affine | None = None  # of a GRU: what its reset gate multiplies, if not the state


def cells(graph: Graph, forms: Forms) -> Iterator[Cell]:
    """Everything in `graph` that may be a step, in execution order."""
    found = _Finder(graph, forms)
    for op in graph.ops:
        if graph.tensor(op.outs[0]).q is None and graph.tensor(op.outs[0]).size > 0:
            made = found.lstm(op) or found.gru(op) or found.rnn(op)
            if made is not None:
                forms.stop_at(made.state)
                yield made


@dataclass(frozen=True, eq=False)
class _Finder:
    graph: Graph
    forms: Forms

    def lstm(self, op: Op) -> Cell | None:
        """h = sigmoid(o) tanh(c); c = sigmoid(f) c' + sigmoid(i) tanh(g)."""
        outer = self._gated(op)
        if outer is None:
            return None
        o, squashed = outer
        c = self._bare(squashed.ins[0])
        whole = self.forms.maker(c)
        first = None if whole is None else self._gated(whole)
        if first is not None:
            i, g = first
            return Cell(Lstm, op.outs[0], "", self._sums(i, None, g, o), c)
        if not _plain(whole, Add):
            return None
        for new, old in (whole.ins, whole.ins[::-1]):
            inner = self._gated(self.forms.maker(self._bare(new)))
            kept = self._product(self.forms.maker(self._bare(old)))
            if inner is None or kept is None:
                continue
            f, before = kept
            i, g = inner
            if self._zero(before):
                return Cell(Lstm, op.outs[0], "", self._sums(i, None, g, o), c)
            if not self.graph.tensor(before).is_const:
                return Cell(Lstm, op.outs[0], "", self._sums(i, f, g, o), c, before)
        return None

    def gru(self, op: Op) -> Cell | None:
        """h = (1 - z) n + z h', or n + z (h' - n)."""
        if _plain(op, Mul):
            return self._gru(op, op, None)  # from zero
        if not _plain(op, Add):
            return None
        for new, old in (op.ins, op.ins[::-1]):
            kept = self._product(self.forms.maker(self._bare(old)))
            if kept is None:
                continue
            z, before = kept
            made = self._gru(op, self.forms.maker(self._bare(new)), kept)
            less = self.forms.maker(before)
            if made is None and _plain(less, Sub) and self._bare(less.ins[1]) == self._bare(new):
                made = self._from_candidate(op, z, self._bare(new), self._bare(less.ins[0]))
            if made is not None:
                return made
        return None

    def _gru(self, op: Op, new: Op | None, kept: tuple[Op, str] | None) -> Cell | None:
        """The step whose candidate joins by the product `new`: (1 - z) n."""
        if not _plain(new, Mul):
            return None
        for share, n in (new.ins, new.ins[::-1]):
            z = self._rest_of_one(self._bare(share))
            if z is None or (kept is not None and kept[0] is not z):
                continue
            made = self._from_candidate(op, z, self._bare(n), "" if kept is None else kept[1])
            if made is not None:
                return made
        return None

    def _from_candidate(self, op: Op, z: Op, n: str, before: str) -> Cell | None:
        tanh = self.forms.maker(n)
        if not isinstance(tanh, Tanh) or (before and self._zero(before)):
            before = ""
        if not isinstance(tanh, Tanh) or (before and self.graph.tensor(before).is_const):
            return None
        total = self.forms.of(tanh.ins[0])
        for term in total.terms:
            maker = self.forms.maker(term.root)
            if isinstance(maker, Logistic) and not before:
                return self._from_constant(op, z, maker, term, total)
            reset = self._product(maker)
            if reset is None or len(term.ids) != self.graph.tensor(term.root).size:
                continue
            rest = Affine(tuple(t for t in total.terms if t is not term), total.bias)
            r, other = self._sum(reset[0]), reset[1]
            if before and other == before:
                u = replace(term, root=before)
                return Cell(Gru, op.outs[0], before, (self._sum(z), r, rest.plus(
                    Affine((u,), np.zeros_like(rest.bias)))), reset_first=True)
            if term.matrix is not None:
                continue
            return Cell(Gru, op.outs[0], before, (self._sum(z), r, rest),
                        met=self._operand(other))
        return None if before else Cell(Gru, op.outs[0], "", (self._sum(z), None, total))

    def _from_constant(self, op: Op, z: Op, reset: Op, term: Term, total: Affine) -> Cell | None:
        """The step from zero whose reset gate meets a bias, or zero: constants, so a linear sum."""
        rest = Affine(tuple(t for t in total.terms if t is not term), total.bias)
        matrix = term.dense()
        if len(matrix) != matrix.shape[1] or np.any(matrix != np.diag(np.diag(matrix))):
            return None
        return Cell(Gru, op.outs[0], "", (self._sum(z), self._sum(reset), rest),
                    met=Affine((), np.diag(matrix).copy()))

    def rnn(self, op: Op) -> Cell | None:
        """h = tanh(sums)."""
        if not isinstance(op, Tanh) or not self.forms.of(op.ins[0]).terms:
            return None
        return Cell(Rnn, op.outs[0], "", (self.forms.of(op.ins[0]),))

    # parts

    def _gated(self, op: Op | None) -> tuple[Op, Op] | None:
        """The Logistic and the Tanh that `op` multiplies."""
        if not _plain(op, Mul):
            return None
        a, b = (self.forms.maker(self._bare(n)) for n in op.ins)
        if isinstance(a, Logistic) and isinstance(b, Tanh):
            return a, b
        return (b, a) if isinstance(b, Logistic) and isinstance(a, Tanh) else None

    def _product(self, op: Op | None) -> tuple[Op, str] | None:
        """The Logistic and the tensor that `op` multiplies."""
        if not _plain(op, Mul):
            return None
        for a, b in (op.ins, op.ins[::-1]):
            gate = self.forms.maker(self._bare(a))
            if isinstance(gate, Logistic):
                return gate, self._bare(b)
        return None

    def _rest_of_one(self, name: str) -> Op | None:
        """The Logistic z where `name` is 1 - z."""
        form = self.forms.of(name)
        if len(form.terms) != 1 or not np.all(form.bias == 1):
            return None
        (term,) = form.terms
        maker, n = self.forms.maker(term.root), len(form.bias)
        same = np.array_equal(term.ids, np.arange(n)) and np.array_equal(
            term.dense(), -np.eye(n, dtype=np.float32))
        return maker if isinstance(maker, Logistic) and same else None

    def _bare(self, name: str) -> str:
        """`name` without reshapes."""
        op = self.forms.maker(name)
        while isinstance(op, Reshape):
            name = op.ins[0]
            op = self.forms.maker(name)
        return name

    def _sum(self, gate: Op) -> Affine:
        return self.forms.of(gate.ins[0])

    def _sums(self, *gates: Op | None) -> tuple[Affine | None, ...]:
        return tuple(None if gate is None else self._sum(gate) for gate in gates)

    def _operand(self, name: str) -> Affine:
        data = self.graph.tensor(name).data
        if data is None:
            return self.forms.of(name)
        return Affine((), np.asarray(data, np.float32).reshape(-1))

    def _zero(self, name: str) -> bool:
        data = self.graph.tensor(name).data
        return data is not None and not np.any(data)


def _plain(op: Op | None, kind: type[Op]) -> TypeGuard[Op]:
    """True for an operator of this kind without an activation."""
    return type(op) is kind and getattr(op, "act", Act.NONE) is Act.NONE


