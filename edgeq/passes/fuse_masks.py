"""Mask fusion: what is added to the scores of a softmax to leave values out becomes its mask.

Exporters add minus infinity or a large negative number, or choose it with a condition. Integers
cannot hold such a number beside the scores; a softmax that looks at the mask need not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph
from edgeq.ops.base import Act, Op, Shape
from edgeq.ops.broadcast import broadcast_of
from edgeq.ops.elementwise import Add
from edgeq.ops.function import Fn, Function
from edgeq.ops.logic import Logic
from edgeq.ops.masked_softmax import MaskedSoftmax
from edgeq.ops.reshape import Reshape
from edgeq.ops.select import Select
from edgeq.ops.softmax import Softmax
from edgeq.passes.drop_unused import drop_unused
from edgeq.passes.mask_terms import Mask, Terms, aligned


def fuse_masks(graph: Graph) -> Graph:
    """`graph`, if it is float, with masks of scores as masks of their softmax.

    Tests for values that are no numbers, which exporters put behind a softmax whose rows may
    be masked as a whole, vanish too.
    """
    if any(t.q is not None for t in graph.tensors.values()):
        return graph
    graph = _without_tests(graph)
    walk = _Fusion(graph)
    for op in graph.ops:
        walk.step(op)
    if walk.count == 0:
        return graph
    return drop_unused(graph.replace(tensors=walk.terms.tensors, ops=tuple(walk.terms.ops)))


def _without_tests(graph: Graph) -> Graph:
    """`graph` in which a choice between a value and another where it is no number is the value."""
    ops = []
    for op in graph.ops:
        test = graph.producer(op.ins[0]) if isinstance(op, Select) else None
        if (isinstance(test, Function) and test.fn_of in (Fn.IS_NAN, Fn.IS_INF)
                and graph.tensor(op.ins[2]).shape == graph.tensor(op.outs[0]).shape
                and not graph.tensor(op.ins[2]).is_const):
            op = Reshape(name=op.name, ins=(op.ins[2],), outs=op.outs,
                         to=graph.tensor(op.outs[0]).shape)
        ops.append(op)
    return graph.replace(ops=tuple(ops))


class _Fusion:
    """One walk through a graph, which takes each softmax apart from its masks."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.terms = Terms(graph)
        self.count = 0

    def step(self, op: Op) -> None:
        if isinstance(op, Softmax) and op.beta == 1.0:
            scores, masks = self.unmasked(op.ins[0])
            keep = self.joined(masks, self.graph.tensor(op.ins[0]).shape) if masks else None
            if keep is not None:
                self.count += 1
                op = MaskedSoftmax(name=op.name, ins=(scores, keep.name), outs=op.outs,
                                   uniform=keep.finite)
        self.terms.ops.append(op)

    def unmasked(self, name: str) -> tuple[str, list[Mask]]:
        """What `name` is without its masks, and these in a shape that broadcasts to it."""
        op, shape = self.graph.producer(name), self.graph.tensor(name).shape
        found: tuple[str, Mask] | None = None
        if isinstance(op, Add) and op.act is Act.NONE:
            found = self.added(op, shape)
        elif isinstance(op, Select):
            found = self.chosen(op, shape)
        elif isinstance(op, Reshape):
            return self.reshaped(op, name)
        if found is None:
            return self.biased(op, shape) if isinstance(op, Add) else (name, [])
        scores, mask = found
        inner, masks = self.unmasked(scores) if scores in self.graph.tensors else (scores, [])
        return inner, [*masks, mask]

    def added(self, op: Add, shape: Shape) -> tuple[str, Mask] | None:
        """(scores, mask) of their sum."""
        for scores, other in (op.ins, op.ins[::-1]):
            if self.graph.tensor(scores).shape != shape or self.graph.tensor(scores).is_const:
                continue
            mask = self.terms.mask_of(other)
            if mask is not None:
                return scores, mask
            split = self.terms.split(other)
            if split is not None:  # a bias beside the mask
                bias, mask = split
                return self.terms.emit(Add(name=f"{op.name}/bias", ins=(scores, bias),
                                           outs=(self.terms.fresh(f"{op.name}/bias"),))), mask
        return None

    def biased(self, op: Add, shape: Shape) -> tuple[str, list[Mask]]:
        """A sum of masked scores and something that is no mask."""
        for i in (0, 1):
            if op.act is Act.NONE and self.graph.tensor(op.ins[i]).shape == shape:
                scores, masks = self.unmasked(op.ins[i])
                if masks:
                    out = self.terms.fresh(f"{op.name}/unmasked")
                    ins = (scores, op.ins[1]) if i == 0 else (op.ins[0], scores)
                    return self.terms.emit(replace(op, name=out, ins=ins, outs=(out,))), masks
        return op.outs[0], []

    def chosen(self, op: Select, shape: Shape) -> tuple[str, Mask] | None:
        """(scores, mask) where one side of the choice leaves values out."""
        condition, a, b = op.ins
        for scores, other, turned in ((a, b, False), (b, a, True)):
            masked = self.terms.all_masked(other)
            if (masked is not None and self.graph.tensor(scores).shape == shape
                    and not self.graph.tensor(scores).is_const):
                return scores, self.terms.condition(condition, turned, masked)
        return None

    def reshaped(self, op: Reshape, name: str) -> tuple[str, list[Mask]]:
        """The same through a reshape, which the unmasked scores then have as well."""
        scores, masks = self.unmasked(op.ins[0])
        before = self.graph.tensor(op.ins[0]).shape
        moved = [self.terms.regrouped(m, before, op.to) for m in masks]
        kept = [m for m in moved if m is not None]
        if not kept or len(kept) < len(masks):
            return name, []
        out = self.terms.fresh(f"{op.name}/unmasked")
        return self.terms.emit(Reshape(name=out, ins=(scores,), outs=(out,), to=op.to)), kept

    def joined(self, masks: list[Mask], shape: Shape) -> Mask | None:
        """One mask for all of `masks`, its rows as the kernel wants them; None where nothing is
        left out, or where a mask that is computed has single values for whole rows.
        """
        finite, terms = all(m.finite for m in masks), self.terms
        consts = [terms.tensors[m.name].data for m in masks if terms.tensors[m.name].is_const]
        names = [m.name for m in masks if not terms.tensors[m.name].is_const]
        if any(terms.tensors[n].shape[-1:] != shape[-1:] for n in names):
            return None
        keep: NDArray[np.bool_] = np.ones((1,) * len(shape), bool)
        for data in consts:
            assert data is not None
            keep = keep & (data.reshape(aligned(data.shape, len(shape))) != 0)
        if not keep.all():
            names.append(terms.constant("kept", _rows(keep, shape)))
        if not names:
            return None
        name = names[0]
        for other in names[1:]:
            out = terms.fresh(f"{name}/and")
            name = terms.emit(Logic(name=out, ins=(name, other), outs=(out,), is_max=False))
        if len(terms.tensors[name].shape) != len(shape):
            out = terms.fresh(f"{name}/aligned")
            name = terms.emit(Reshape(name=out, ins=(name,), outs=(out,), to=aligned(
                terms.tensors[name].shape, len(shape))))
        return Mask(name, finite)


def _rows(keep: NDArray[np.bool_], shape: Shape) -> NDArray[np.bool_]:
    """`keep` with whole rows, and without axes along which it repeats."""
    keep = np.broadcast_to(keep, (*keep.shape[:-1], shape[-1]))
    for axis in range(keep.ndim - 1):
        if (keep == keep.take([0], axis)).all():
            keep = keep.take([0], axis)
    if broadcast_of(shape[:-1], keep.shape[:-1]) is None:
        keep = np.broadcast_to(keep, shape)
    return keep


