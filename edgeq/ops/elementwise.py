"""Add, Sub, Mul: two operands, one of which may repeat over the other (see broadcast.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Shape, clamp_bounds
from edgeq.ops.broadcast import Broadcast, broadcast_of, broadcast_shape
from edgeq.ops.lut import CODES, lut_call
from edgeq.ops.mac import apply_act
from edgeq.ops.windows import Window
from edgeq.plan import Call, Value
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize


def _all_const(op: Op, g: Graph) -> str:
    return "two constants" if all(g.tensor(n).is_const for n in op.ins) else ""


@dataclass(frozen=True, kw_only=True)
class Binary(Op):
    """y = act(f(a, b)) with broadcasting; the operands in `ins`."""

    act: Act = Act.NONE

    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("at least one operand computed at run time", _all_const, "fold the constants"),
    )

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (broadcast_shape(self.name, *ins),)

    def rows(self, g: Graph) -> Window | None:
        """Row by row where both operands are of the output's shape and computed at run time."""
        tensors = [g.tensor(n) for n in (*self.ins, *self.outs)]
        same = all(not t.is_const and t.shape == tensors[-1].shape for t in tensors)
        return Window(1, 1) if same else None


@dataclass(frozen=True)
class Operands:
    """`full` has the output's shape, `other` repeats over it as `loop` says."""

    full: int
    other: int
    loop: Broadcast


def operands(op: Op, g: Graph) -> Operands:
    """Which input of `op` is which; a constant of the full shape is `other`."""
    ins, out = [g.tensor(n) for n in op.ins], g.tensor(op.outs[0])
    full = 0 if ins[0].size == out.size and not ins[0].is_const else 1
    loop = broadcast_of(out.shape, ins[1 - full].shape)
    assert ins[full].size == out.size, "the pass expand_operands sees to it"
    assert loop is not None, "the pass expand_operands sees to it"
    return Operands(full, 1 - full, loop)


def scalar_call(op: Op, g: Graph, way: Operands, target: Target) -> Call | None:
    """A table where the other operand is a single constant, else None."""
    other = g.tensor(op.ins[way.other])
    if other.data is None or other.size != 1:
        return None
    pair = [CODES, other.data.reshape(1).astype(np.int8)]
    if way.full == 1:
        pair.reverse()
    (table,) = op.run_int(g, *pair)
    full = g.tensor(op.ins[way.full])
    return lut_call(op.name, type(op).__name__, table, full.name, op.outs[0], full.size, target)


def broadcast_call(op: Op, g: Graph, way: Operands, kernel: plain.Kernel, struct: str,
                   fields: tuple[tuple[str, Value], ...]) -> Call:
    """The call of a kernel over (outer, n, inner); a constant operand is read where it lies."""
    full, other, loop = op.ins[way.full], op.ins[way.other], way.loop
    sizes = (("outer", loop.outer), ("n", loop.n), ("inner", loop.inner))
    once = loop.outer == loop.inner == 1
    return Call(name=op.name, op=type(op).__name__, func=kernel.func, struct=struct,
                fields=(*sizes, *fields), ins=(full, other), outs=op.outs,
                sources=kernel.sources, overlap=(0, 0 if once else None))


@dataclass(frozen=True)
class _AddParams:
    """TFLite's three multipliers: each input to half the larger scale in Q20, then the output."""

    mults: tuple[int, int, int]
    shifts: tuple[int, int, int]
    zeros: tuple[int, int, int]
    act_min: int
    act_max: int
    bits: int  # of operands and output

    def term(self, q: IntArray, i: int) -> NDArray[np.int64]:
        """Operand i rescaled."""
        shifted = (q.astype(np.int64) - self.zeros[i]) << _headroom(self.bits)
        return requantize(shifted, self.mults[i], self.shifts[i])

    def finish(self, total: NDArray[np.int64]) -> IntArray:
        y = requantize(total, self.mults[2], self.shifts[2]) + self.zeros[2]
        return np.clip(y, self.act_min, self.act_max).astype(dtype_of(self.bits))


def _headroom(bits: int) -> int:
    """How far operands are shifted to the left before they are rescaled."""
    return 20 if bits == 8 else 15


def _add_params(op: Binary, g: Graph) -> _AddParams:
    a, b, y = (g.tensor(n).params for n in (*op.ins, op.outs[0]))
    twice = 2.0 * max(float(a.scale), float(b.scale))
    reals = (float(a.scale) / twice, float(b.scale) / twice,
             twice / ((1 << _headroom(y.bits)) * float(y.scale)))
    # an output that needs a factor of 1 or more is finer than 2**-20 of the inputs: it saturates
    pairs = [quantize_multiplier(min(r, 1.0 - 2.0**-31)) for r in reals]
    low, high = clamp_bounds(op.act, y)
    return _AddParams((pairs[0][0], pairs[1][0], pairs[2][0]),
                      (pairs[0][1], pairs[1][1], pairs[2][1]),
                      (int(a.zero), int(b.zero), int(y.zero)), low, high, y.bits)


def _addsub_call(op: Binary, g: Graph, sign: int, target: Target) -> Call:
    """The general kernel for a + sign * b."""
    way, p = operands(op, g), _add_params(op, g)
    if p.bits == 16:
        return _addsub16_call(op, g, way, p, sign)
    scalar = scalar_call(op, g, way, target)
    if scalar is not None:
        return scalar
    i, j = way.full, way.other
    signs = (1, sign)
    return broadcast_call(
        op, g, way, plain.pick(plain.ADDSUB, target), "eq_addsub_s8_t",
        (("a_zero", p.zeros[i]), ("b_zero", p.zeros[j]), ("out_zero", p.zeros[2]),
         ("act_min", p.act_min), ("act_max", p.act_max),
         ("a_sign", signs[i]), ("b_sign", signs[j]),
         ("a_shift", p.shifts[i]), ("b_shift", p.shifts[j]), ("out_shift", p.shifts[2]),
         ("a_mult", p.mults[i]), ("b_mult", p.mults[j]), ("out_mult", p.mults[2])))


def _addsub16_call(op: Binary, g: Graph, way: Operands, p: _AddParams, sign: int) -> Call:
    """The general kernel with 16-bit activations."""
    i, j, signs = way.full, way.other, (1, sign)
    return broadcast_call(
        op, g, way, plain.portable("eq_addsub_s16"), "eq_addsub_s16_t",
        (("act_min", p.act_min), ("act_max", p.act_max),
         ("a_sign", signs[i]), ("b_sign", signs[j]),
         ("a_shift", p.shifts[i]), ("b_shift", p.shifts[j]), ("out_shift", p.shifts[2]),
         ("a_mult", p.mults[i]), ("b_mult", p.mults[j]), ("out_mult", p.mults[2])))


def _add16_call(op: Binary, g: Graph) -> Call:
    """The call of eq_add_s16, for operands of one shape."""
    p = _add_params(op, g)
    fields = (("n", g.tensor(op.ins[0]).size), ("act_min", p.act_min), ("act_max", p.act_max),
              ("a_shift", p.shifts[0]), ("b_shift", p.shifts[1]), ("out_shift", p.shifts[2]),
              ("a_mult", p.mults[0]), ("b_mult", p.mults[1]), ("out_mult", p.mults[2]))
    return Call(name=op.name, op="Add", func="eq_add_s16", struct="eq_add_s16_t", fields=fields,
                ins=op.ins, outs=op.outs, sources=("ops/eq_add_s16.c",), overlap=(0, 0))


@dataclass(frozen=True, kw_only=True)
class Add(Binary):
    """y = act(a + b)."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("ADD",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        act = node.act(node.options(tflite.AddOptions).FusedActivationFunction())
        return cls(name=node.name, ins=node.ins, outs=node.outs, act=act)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (apply_act(xs[0] + xs[1], self.act),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        p = _add_params(self, g)
        return (p.finish(p.term(qs[0], 0) + p.term(qs[1], 1)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        a, b = (g.tensor(n) for n in self.ins)
        if a.params.bits == 16 and a.shape == b.shape and not (a.is_const or b.is_const):
            return (_add16_call(self, g),)
        if a.shape != b.shape or a.is_const or b.is_const:
            return (_addsub_call(self, g, 1, target),)
        p, kernel = _add_params(self, g), plain.pick(plain.ADD, target)
        i, j = (0, 1) if a.params.scale >= b.params.scale else (1, 0)  # i: the larger scale
        assert (p.mults[i], p.shifts[i]) == (1 << 30, 0), "its factor is 1/2"
        return (Call(
            name=self.name, op="Add", func=kernel.func, struct="eq_add_s8_t",
            fields=(("n", a.size), ("a_zero", p.zeros[i]), ("b_zero", p.zeros[j]),
                    ("out_zero", p.zeros[2]), ("act_min", p.act_min), ("act_max", p.act_max),
                    ("b_shift", p.shifts[j]), ("out_shift", p.shifts[2]),
                    ("b_mult", p.mults[j]), ("out_mult", p.mults[2])),
            ins=(self.ins[i], self.ins[j]), outs=self.outs, sources=kernel.sources, overlap=(0, 0),
        ),)


@dataclass(frozen=True, kw_only=True)
class Sub(Binary):
    """y = act(a - b)."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("SUB",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        act = node.act(node.options(tflite.SubOptions).FusedActivationFunction())
        return cls(name=node.name, ins=node.ins, outs=node.outs, act=act)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (apply_act(xs[0] - xs[1], self.act),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        p = _add_params(self, g)
        return (p.finish(p.term(qs[0], 0) - p.term(qs[1], 1)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        return (_addsub_call(self, g, -1, target),)


def _wide_factor(op: Op, g: Graph) -> str:
    q = [g.tensor(n).q for n in (*op.ins, op.outs[0])]
    if not all(q) or q[2] is None or q[2].bits == 8:
        return ""
    factor = float(q[0].scale * q[1].scale / q[2].scale)  # type: ignore[union-attr]
    return "" if factor < 1 else f"a factor of {factor:.3g}"


@dataclass(frozen=True, kw_only=True)
class Mul(Binary):
    """y = act(a * b)."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("MUL",)
    limits: ClassVar[tuple[Limit, ...]] = (
        *Binary.limits,
        Limit("16-bit products of smaller steps than the output's", _wide_factor,
              "check the scales of this layer"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        act = node.act(node.options(tflite.MulOptions).FusedActivationFunction())
        return cls(name=node.name, ins=node.ins, outs=node.outs, act=act)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (apply_act(xs[0] * xs[1], self.act),)

    def _factor(self, g: Graph) -> tuple[int, int]:
        a, b, y = (g.tensor(n).params for n in (*self.ins, self.outs[0]))
        # a larger factor than 2**10 saturates all the same, and kernels rely on small shifts
        return quantize_multiplier(min(float(a.scale) * float(b.scale) / float(y.scale), 2.0**10))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        a, b, y = (g.tensor(n).params for n in (*self.ins, self.outs[0]))
        product = (qs[0].astype(np.int64) - int(a.zero)) * (qs[1].astype(np.int64) - int(b.zero))
        total = requantize(product, *self._factor(g)) + int(y.zero)
        return (np.clip(total, *clamp_bounds(self.act, y)).astype(dtype_of(y.bits)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way = operands(self, g)
        if g.tensor(self.outs[0]).params.bits == 16:
            return (self._wide_call(g, way),)
        scalar = scalar_call(self, g, way, target)
        if scalar is not None:
            return (scalar,)
        zeros = [int(g.tensor(n).params.zero) for n in (*self.ins, self.outs[0])]
        mult, shift = self._factor(g)
        bounds = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        return (broadcast_call(
            self, g, way, plain.pick(plain.MUL, target), "eq_mul_s8_t",
            (("a_zero", zeros[way.full]), ("b_zero", zeros[way.other]), ("out_zero", zeros[2]),
             ("act_min", bounds[0]), ("act_max", bounds[1]), ("shift", shift), ("mult", mult))),)

    def _wide_call(self, g: Graph, way: Operands) -> Call:
        """The call with 16-bit activations."""
        mult, shift = self._factor(g)
        low, high = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        return broadcast_call(
            self, g, way, plain.portable("eq_mul_s16"), "eq_mul_s16_t",
            (("act_min", low), ("act_max", high), ("shift", shift), ("mult", mult)))
