"""Functions of one value: on int8 each is a table of 256, built here and read by eq_lut_s8.

On int16 it is lines between 513 entries (lines16.py), read by eq_lut_s16.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.kernels import plain
from edgeq.ops import lines16
from edgeq.ops.base import Op, Shape
from edgeq.plan import Blob, Call
from edgeq.requant import quantize_multiplier, requantize

# Every int8 in the order of the table: index (uint8_t)x holds the value for x.
CODES: NDArray[np.int8] = np.arange(256, dtype=np.uint8).view(np.int8)
CODES.flags.writeable = False


def look_up(table: IntArray, x: IntArray) -> IntArray:
    """table[x] for int8 x, in the order of CODES."""
    return table[np.ascontiguousarray(x).view(np.uint8)]


def lut_blob(table: IntArray, name: str = "table") -> Blob:
    """The table as a constant."""
    return Blob(name, "int8_t", table, "y for x = 0..127, then -128..-1", align=1)


def lut_call(name: str, op: str, table: IntArray, source: str, out: str, n: int,
             target: Target) -> Call:
    """The call that maps `n` values of `source` through `table` into `out`."""
    kernel = plain.pick(plain.LUT, target)
    return Call(name=name, op=op, func=kernel.func, struct="eq_lut_s8_t",
                fields=(("n", n), ("table", lut_blob(table))), ins=(source,), outs=(out,),
                sources=kernel.sources, overlap=(0,))


def float32_scale(q: QuantParams) -> np.float32:
    """The scale as TFLite stores it."""
    return np.float32(q.scale)


def scaled_codes(q_in: QuantParams, q_out: QuantParams, real: float) -> NDArray[np.int64]:
    """out_zero + requant(x - in_zero) for every code x, by the factor `real`, not clamped.

    Every larger factor than 2**20 saturates all the same.
    """
    mult, shift = quantize_multiplier(min(real, 2.0**20))
    x = CODES.astype(np.int64) - int(q_in.zero)
    return requantize(x, mult, shift) + int(q_out.zero)


def clamp_int8(y: IntArray, low: int = -128, high: int = 127) -> NDArray[np.int8]:
    """`y` limited to [low, high]."""
    return np.clip(y, low, high).astype(np.int8)


@dataclass(frozen=True, kw_only=True)
class Unary(Op):
    """y = f(x), element by element."""

    apart: bool = False  # the file computes it on reals, and a node of its own quantizes them

    @abstractmethod
    def fn(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The function on reals."""

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (ins[0],)

    def fn32(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The function as a C library computes it in float32, the base of the table."""
        return self.fn(x.astype(np.float64)).astype(np.float32)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self.fn32(xs[0].astype(np.float32)),)

    def table(self, q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
        """y for every x in the order of CODES; TFLite's LUTPopulate: float32, half away from 0."""
        inverse = np.float32(1) / float32_scale(q_out)
        return _rounded(self._reals(q_in) * inverse, q_out)

    def table_apart(self, q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
        """The same as DEQUANTIZE, the function and QUANTIZE give, which divides by the scale."""
        return _rounded(self._reals(q_in) / float32_scale(q_out), q_out)

    def _reals(self, q_in: QuantParams) -> NDArray[np.float32]:
        """The function of every code."""
        x = float32_scale(q_in) * (CODES.astype(np.int32) - int(q_in.zero)).astype(np.float32)
        with np.errstate(all="ignore"):
            return self.fn32(x)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        if g.tensor(self.outs[0]).params.bits == 8:
            return (look_up(self._table(g), qs[0]),)
        return (lines16.look_up(self._lines(g), qs[0].astype(np.int64)).astype(np.int16),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        if g.tensor(self.outs[0]).params.bits == 16:
            table = Blob("table", "int16_t", self._lines(g), "y at x = -32768, -32640, ..., 32768")
            fields = (("n", g.tensor(self.ins[0]).size), ("table", table))
            return (Call(name=self.name, op=type(self).__name__, func="eq_lut_s16",
                         struct="eq_lut_s16_t", fields=fields, ins=self.ins, outs=self.outs,
                         sources=("ops/eq_lut_s16.c",), overlap=(0,)),)
        return (lut_call(self.name, type(self).__name__, self._table(g), self.ins[0],
                         self.outs[0], g.tensor(self.ins[0]).size, target),)

    def _lines(self, g: Graph) -> NDArray[np.int16]:
        return lines16.function_table(lambda x: self.fn32(x.astype(np.float32)),
                                      g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params)

    def _table(self, g: Graph) -> NDArray[np.int8]:
        make = self.table_apart if self.apart else self.table
        return make(g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params)


def _rounded(steps: NDArray[np.float32], q: QuantParams) -> NDArray[np.int8]:
    """`steps` to the nearest integer, half away from 0, in the place of their zero point."""
    held = np.clip(np.nan_to_num(steps), -1e9, 1e9)
    rounded = np.sign(held) * np.floor(np.abs(held) + np.float32(0.5))
    return clamp_int8(rounded.astype(np.int64) + int(q.zero))
