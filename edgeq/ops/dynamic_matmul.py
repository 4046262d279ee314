"""DynamicMatMul: product of two 16-bit activations, their rows and columns narrowed to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.matmul import MatMul
from edgeq.ops.narrow import TOP, dynamic_multipliers, narrow, narrowed
from edgeq.plan import Call
from edgeq.requant import wide_factors

_PANEL = 4  # columns that the kernel takes at once
_LARGEST = 0.25  # factor, so that the shift behind it stays positive for any column
Wide = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class DynamicMatMul(MatMul):
    """y[..., r, c] = factor * sum(a[..., r, i] * b[..., i, c]), with operands of 16 bits.

    Every row of the one operand and every column of the other is narrowed to 8 bits by its own
    largest value at run time. Quantization puts it where a recipe says `dynamic`.
    """

    tflite_names: ClassVar[tuple[str, ...]] = ()
    wide: ClassVar[bool] = True

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        a, b = (x.transpose(axes) for x, axes in zip(xs, (self.a_axes, self.b_axes), strict=True))
        y = np.matmul(narrowed(a), narrowed(b.swapaxes(-1, -2)).swapaxes(-1, -2))
        return (np.ascontiguousarray(y.transpose(self.y_axes)) * np.float32(self.factor),)

    def requantization(self, g: Graph) -> tuple[int, int]:
        """(factor of 15 bits, shift to the right) of sums times both largest values."""
        a, b, y = (float(g.tensor(n).params.scale) for n in (*self.ins, self.outs[0]))
        real = np.array([min(self.factor * a * b / y / TOP**2, _LARGEST / 2)])
        factor, right = wide_factors(*dynamic_multipliers(self.name, real))
        return int(factor[0]), int(right[0])

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        a, b = (q.transpose(axes) for q, axes in zip(qs, (self.a_axes, self.b_axes), strict=True))
        (rows, m_rows), (cols, m_cols) = narrow(a), narrow(b.swapaxes(-1, -2))
        m_cols = m_cols.swapaxes(-1, -2)
        acc = np.asarray(np.matmul(rows.astype(np.float64),
                                   cols.astype(np.float64).swapaxes(-1, -2)), np.int64)
        if self.loops(g).turned:
            m_rows, m_cols = m_cols, m_rows
        factor, right = _combined(*self.requantization(g), m_cols)
        y = (acc * m_rows * factor + (np.int64(1) << (right - 1))) >> right
        stored = np.clip(y, -(1 << 15), (1 << 15) - 1).astype(np.int16).transpose(self.y_axes)
        return (np.ascontiguousarray(stored),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way, (mult, shift) = self.loops(g), self.requantization(g)
        ins = self.ins[::-1] if way.turned else self.ins
        kernel = plain.pick(plain.DYNAMIC_MATMUL, target)
        fields = (*way.fields(), ("shift", shift), ("mult", mult))
        return (Call(name=self.name, op="DynamicMatMul", func=kernel.func,
                     struct="eq_matmul_s16_t", fields=fields, ins=ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None, None),
                     scratch=way.rows * (4 + way.k) + _PANEL * way.k, macs=self.macs(g)),)


def _combined(mult: int, right: int, most: Wide) -> tuple[Wide, Wide]:
    """mult * most / 2**right as (factor of 15 bits, right shift)."""
    product = mult * most
    spare = np.maximum(np.frexp(product.astype(np.float64))[1].astype(np.int64) - 15, 0)
    half = np.where(spare > 0, np.int64(1) << np.maximum(spare - 1, 0), 0)
    return np.minimum((product + half) >> spare, (1 << 15) - 1), right - spare
