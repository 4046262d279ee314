"""Affine: a tensor of one sample as a sum of matrices times values of earlier tensors, plus b."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph
from edgeq.ops.base import Act, Op
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.gather import Slice, Transpose
from edgeq.ops.reshape import Reshape

Ids = NDArray[np.int64]  # which values of a tensor, flat
_MOST_VALUES = 1 << 16  # of a tensor that is written as the values of others
_MOST_MATRIX = 1 << 22  # values of the matrices of one tensor


@dataclass(frozen=True, eq=False)
class Term:
    """`matrix` (n, k) times the values `ids` (k,) of the tensor `root`; None is the identity."""

    root: str
    ids: Ids
    matrix: FloatArray | None = None

    def times(self, weights: FloatArray) -> Term:
        """weights @ self."""
        return replace(self, matrix=weights if self.matrix is None else weights @ self.matrix)

    def scaled(self, factors: FloatArray) -> Term:
        """Row i times factors[i]."""
        return replace(self, matrix=factors[:, None] * self.dense())

    def taken(self, rows: Ids, n: int) -> Term:
        """The `rows` of what has `n`; a row of -1 is zero."""
        if self.matrix is None and np.all(rows >= 0):
            return replace(self, ids=self.ids[rows])
        matrix = np.concatenate([self.dense(), np.zeros((1, len(self.ids)), np.float32)])
        return replace(self, matrix=matrix[rows])

    @property
    def is_whole(self) -> bool:
        """True where the values are those of the tensor from the first on, in their order."""
        return bool(np.array_equal(self.ids, np.arange(len(self.ids))))

    def dense(self) -> FloatArray:
        """The matrix itself."""
        return np.eye(len(self.ids), dtype=np.float32) if self.matrix is None else self.matrix

    @property
    def key(self) -> tuple[str, bytes]:
        return self.root, self.ids.tobytes()


@dataclass(frozen=True, eq=False)
class Affine:
    """The flat values (n,) of a tensor: the sum of `terms`, whose keys differ, and `bias`."""

    terms: tuple[Term, ...]
    bias: FloatArray

    def taken(self, rows: Ids) -> Affine:
        """The values `rows`; -1 is zero."""
        n = len(self.bias)
        return Affine(tuple(t.taken(rows, n) for t in self.terms),
                      np.append(self.bias, np.float32(0))[rows])

    @property
    def is_view(self) -> bool:
        """True for values of one tensor, as they are."""
        return len(self.terms) == 1 and self.terms[0].matrix is None and not np.any(self.bias)

    def plus(self, other: Affine) -> Affine:
        """The sum of both."""
        found = {t.key: t for t in self.terms}
        for t in other.terms:
            old = found.get(t.key)
            found[t.key] = t if old is None else replace(t, matrix=old.dense() + t.dense())
        return Affine(tuple(found.values()), self.bias + other.bias)

    def scaled(self, factors: FloatArray) -> Affine:
        """Value i times factors[i]."""
        return Affine(tuple(t.scaled(factors) for t in self.terms), self.bias * factors)


@dataclass(frozen=True, eq=False)
class _Carried:
    """Where the values of a tensor come from that operators only moved."""

    names: tuple[str, ...]  # tensors, none of which is only moved
    origin: Ids  # (n,) which of `names`
    ids: Ids  # (n,) which of its values


class Forms:
    """The affine forms of a float graph's tensors, found once each."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._makers: Mapping[str, Op] = {n: op for op in graph.ops for n in op.outs}
        self._known: dict[str, Affine] = {}
        self._roots: set[str] = set()

    def stop_at(self, name: str) -> None:
        """Forms found from now on have `name` itself, although a linear operator makes it."""
        self._roots.add(name)
        self._known.pop(name, None)

    def maker(self, name: str) -> Op | None:
        """The operator that computes `name`."""
        return self._makers.get(name)

    def of(self, name: str) -> Affine:
        """The form of `name`; of a tensor that no linear operator makes, that tensor itself."""
        waiting = [name]
        while waiting:  # graphs may be deeper than the stack
            top = waiting[-1]
            needs = [n for n in self._needs(top) if n not in self._known]
            if needs:
                waiting += needs
                continue
            waiting.pop()
            if top not in self._known:
                self._known[top] = self._form(top)
        return self._known[name]

    def _needs(self, name: str) -> Sequence[str]:
        """The tensors whose forms that of `name` is made of."""
        carried = self._carried.get(name)
        if carried is not None:
            return carried.names
        op = self._makers.get(name)
        return op.ins if op is not None and self._linear(op) else ()

    @cached_property
    def _carried(self) -> Mapping[str, _Carried]:
        """What is only moved, by its name."""
        g, found = self._graph, dict[str, _Carried]()
        for op in g.ops:
            out = g.tensor(op.outs[0])
            if not _moves(op) or out.q is not None or out.size > _MOST_VALUES:
                continue
            parts = [found.get(n) or _Carried((n,), np.zeros(g.tensor(n).size, np.int64),
                                              np.arange(g.tensor(n).size)) for n in op.ins]
            names = tuple(dict.fromkeys(n for p in parts for n in p.names))
            origin = [np.array([names.index(n) for n in p.names])[p.origin] for p in parts]
            starts = np.cumsum([0, *(len(o) for o in origin)])
            marked = [np.arange(s, s + len(o), dtype=np.float64).reshape(g.tensor(n).shape)
                      for n, s, o in zip(op.ins, starts[:-1].tolist(), origin, strict=True)]
            rows = np.asarray(op.run(*marked)[0]).reshape(-1).astype(np.int64)
            which = np.concatenate(origin)[rows]
            used = np.unique(which)
            made = _Carried(tuple(names[i] for i in used), np.searchsorted(used, which),
                            np.concatenate([p.ids for p in parts])[rows])
            found[op.outs[0]] = made
        return found

    def _linear(self, op: Op) -> bool:
        g, out = self._graph, self._graph.tensor(op.outs[0])
        if out.size > _MOST_VALUES or out.name in self._roots or out.q is not None:
            return False
        consts = [g.tensor(n).is_const for n in op.ins]
        if isinstance(op, Dense):
            x = g.tensor(op.ins[0])
            return op.act is Act.NONE and all(consts[1:]) and x.size == x.shape[-1]
        if isinstance(op, Add | Sub):
            return op.act is Act.NONE and self._alike(op)
        return isinstance(op, Mul) and op.act is Act.NONE and any(consts) and self._alike(op)

    def _alike(self, op: Op) -> bool:
        """True where no operand computed at run time repeats."""
        g, size = self._graph, self._graph.tensor(op.outs[0]).size
        return all(g.tensor(n).is_const or g.tensor(n).size == size for n in op.ins)

    def _form(self, name: str) -> Affine:
        g, tensor = self._graph, self._graph.tensor(name)
        carried, op = self._carried.get(name), self._makers.get(name)
        if carried is not None:
            return self._moved(name, carried)
        if tensor.data is not None:
            return Affine((), np.asarray(tensor.data, np.float32).reshape(-1))
        if op is None or not self._linear(op):
            return _itself(name, tensor.size)
        if isinstance(op, Dense):
            w, more = (np.asarray(g.const(n), np.float32) for n in op.ins[1:3])
            x = self._known[op.ins[0]]
            return Affine(tuple(t.times(w) for t in x.terms), w @ x.bias + more.reshape(-1))
        a, b = (self._operand(n, tensor.shape) for n in op.ins)
        if isinstance(op, Mul):
            return b.scaled(a.bias) if not a.terms else a.scaled(b.bias)
        return a.plus(b if isinstance(op, Add) else b.scaled(-np.ones_like(b.bias)))

    def _operand(self, name: str, shape: tuple[int, ...]) -> Affine:
        data = self._graph.tensor(name).data
        if data is None:
            return self._known[name]
        return Affine((), np.broadcast_to(data, shape).astype(np.float32).reshape(-1))

    def _moved(self, name: str, carried: _Carried) -> Affine:
        """The form of what comes from other tensors."""
        size = len(carried.ids)
        if len(carried.names) > 1 and size * sum(
                self._graph.tensor(n).size for n in carried.names) > _MOST_MATRIX:
            return _itself(name, size)
        total = Affine((), np.zeros(size, np.float32))
        for i, origin in enumerate(carried.names):
            rows = np.where(carried.origin == i, carried.ids, -1)
            taken = self._known[origin].taken(rows)
            total = taken if len(carried.names) == 1 else total.plus(taken)
        return total


def _itself(name: str, size: int) -> Affine:
    return Affine((Term(name, np.arange(size)),), np.zeros(size, np.float32))


def _moves(op: Op) -> bool:
    return isinstance(op, Reshape | Slice | Transpose) or type(op) in (Concat, Pack)
