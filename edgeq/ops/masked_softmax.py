"""Masked softmax: softmax over the values of a row that a mask keeps (attention)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Fixed, Limit, Op, Rule, Shape
from edgeq.ops.broadcast import broadcast_of
from edgeq.ops.softmax import Softmax, normalized
from edgeq.plan import Blob, Call, Value


def _mask_rows(op: Op, g: Graph) -> str:
    x, mask = (g.tensor(n).shape for n in op.ins)
    fits = mask[-1] == x[-1] and broadcast_of(x[:-1], mask[:-1]) is not None
    return "" if fits else f"a mask of shape {mask} for values of shape {x}"


@dataclass(frozen=True, kw_only=True)
class MaskedSoftmax(Op):
    """y = e^x / sum(e^x) over the values that are kept, 0 for the others.

    Inputs: x, and a mask that is 0 where a value is left out; its rows repeat over those of x.
    A row of which nothing is kept is 0, or 1 / width where it is `uniform` (as for masks that add a
    large finite number).
    """

    uniform: bool = False

    truth_ins: ClassVar[tuple[int, ...]] = (1,)
    limits: ClassVar[tuple[Limit, ...]] = (
        Softmax.limits[0],
        Limit("a mask for whole rows, which repeat along one block of axes", _mask_rows,
              "give the mask in the shape of the scores"),
    )

    def whole(self) -> Softmax:
        """The same without the mask."""
        return Softmax(name=self.name, ins=self.ins[:1], outs=self.outs)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        try:
            fits = np.broadcast_shapes(*ins) == ins[0]
        except ValueError:
            fits = False
        if not fits:
            raise ModelError(self.name, f"a mask of shape {ins[1]} for {ins[0]}",
                             "shapes that broadcast", "export the model again")
        return (ins[0],)

    def rule(self) -> Rule:
        return Fixed(1 / 256, -128)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, keep = xs[0], np.broadcast_to(xs[1] != 0, xs[0].shape)
        some = keep.any(-1, keepdims=True)
        top = np.where(keep, x, -np.inf).max(-1, keepdims=True, initial=-np.inf)
        e = np.where(keep, np.exp(np.where(keep, x - np.where(some, top, 0.0), 0.0)), 0.0)
        empty = 1.0 / x.shape[-1] if self.uniform else 0.0
        total = np.where(some, e.sum(-1, keepdims=True), 1.0)
        return (np.where(some, e / total, empty).astype(np.float32),)

    def _empty(self, width: int) -> int:
        """What a row holds of which nothing is kept."""
        return min(round(256 / width), 255) - 128 if self.uniform else -128

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        keep = self._kept(g, qs[1], qs[0].shape)
        x = np.where(keep, qs[0].astype(np.int64), -128)
        table = self.whole().exp_table(g)
        exps = np.concatenate([table, np.zeros(256 - table.size, np.int64)])
        e = np.where(keep, exps[x.max(-1, keepdims=True) - x], 0)
        some = keep.any(-1, keepdims=True)
        y = normalized(np.where(some, e, exps[0]), 8)
        return (np.where(some, y, self._empty(x.shape[-1])).astype(np.int8),)

    def _kept(self, g: Graph, mask: IntArray, shape: Shape) -> NDArray[np.bool_]:
        return np.broadcast_to(mask != int(g.tensor(self.ins[1]).params.zero), shape)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        x, mask, table = g.tensor(self.ins[0]), g.tensor(self.ins[1]), self.whole().exp_table(g)
        loop = broadcast_of(x.shape[:-1], mask.shape[:-1])
        assert loop is not None, "a limit"
        fields: tuple[tuple[str, Value], ...] = (
            ("rows", prod(x.shape[:-1])), ("c", x.shape[-1]), ("n_exp", table.size),
            ("masks", loop.n), ("each", loop.inner), ("empty", self._empty(x.shape[-1])),
            ("exp", Blob("exp", "int32_t", table.astype(np.int32),
                         "Q31, by distance to the maximum")))
        lengths = self._lengths(g)
        if lengths is not None:
            kernel = plain.pick(plain.SOFTMAX_PREFIX, target)
            blob = Blob("kept", "uint16_t", lengths, "values that a row keeps, from the first on")
            return (self._call(kernel, "eq_softmax_prefix_s8_t", (*fields, ("kept", blob)),
                               self.ins[:1]),)
        kernel = plain.pick(plain.SOFTMAX_MASKED, target)
        fields = (*fields, ("mask_zero", int(mask.params.zero)))
        return (self._call(kernel, "eq_softmax_masked_s8_t", fields, self.ins),)

    def _call(self, kernel: plain.Kernel, struct: str, fields: tuple[tuple[str, Value], ...],
              ins: tuple[str, ...]) -> Call:
        return Call(name=self.name, op="MaskedSoftmax", func=kernel.func, struct=struct,
                    fields=fields, ins=ins, outs=self.outs, sources=kernel.sources,
                    overlap=(0, None)[:len(ins)])

    def _lengths(self, g: Graph) -> NDArray[np.uint16] | None:
        """How many values a row keeps where a constant mask keeps the first of each (causal)."""
        mask = g.tensor(self.ins[1])
        if mask.data is None:
            return None
        keep = self._kept(g, g.integers(self.ins[1]), mask.shape).reshape(-1, mask.shape[-1])
        lengths = keep.sum(-1)
        first = np.arange(mask.shape[-1]) < lengths[:, None]
        return lengths.astype(np.uint16) if np.array_equal(keep, first) else None
