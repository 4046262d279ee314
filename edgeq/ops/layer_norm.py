"""LayerNorm and RMSNorm: every row of values brought to a mean square of 1, in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.fixedpoint import reciprocal_root
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.lut import clamp_int8
from edgeq.plan import Blob, Call
from edgeq.requant import doubling_high_mul, quantize_multiplier, requantize, rounding_shift

_LONGEST = 1 << 15  # values of a row: 255**2 each, summed in int32
_GAMMA_BITS = 14
_BETA_BITS = 29
_MOST_EPSILON = 1 << 62


def _too_long(op: Op, g: Graph) -> str:
    c = g.tensor(op.ins[1]).size
    return "" if c < _LONGEST else f"rows of {c} values"


def _not_const(op: Op, g: Graph) -> str:
    return next((f"{n!r} is computed at run time" for n in op.ins[1:]
                 if not g.tensor(n).is_const), "")


def _no_rows(op: Op, g: Graph) -> str:
    x, gamma, beta = (g.tensor(n).shape for n in op.ins)
    fits = gamma == beta and len(gamma) < len(x) and x[len(x) - len(gamma):] == gamma
    return "" if fits else f"factors of shape {gamma}, offsets {beta} for {x}"


@dataclass(frozen=True, eq=False)
class _Fixed:
    """What the integer arithmetic needs beside the values."""

    c: int
    frac: int  # bits behind the point of a normalized value, which fits int16
    lift: int  # left shift of a difference, times c, to fill 30 bits
    epsilon: int  # in units of the sum of squares, times c
    gamma: NDArray[np.int16]  # (c,)
    beta: NDArray[np.int32]  # (c,) in units of a product
    mult: int
    shift: int


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Op):
    """y = (x - m) / sqrt(mean((x - m)^2) + epsilon) * gamma + beta, over the last axes.

    Inputs: x, gamma, beta; the last two have the shape of the axes that are normalized. m is the
    mean of x over them, or 0 where not `centered` (RMSNorm).
    """

    epsilon: float
    centered: bool = True

    own_consts: ClassVar[tuple[int, ...]] = (1, 2)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant factors and offsets", _not_const, "freeze the model before export"),
        Limit("the last axes, behind the batch", _no_rows, "transpose before"),
        Limit(f"rows of fewer than {_LONGEST} values", _too_long, "normalize fewer values"),
    )

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (ins[0],)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, gamma, beta = xs
        axes = tuple(range(-gamma.ndim, 0))
        d = x - x.mean(axes, dtype=np.float32, keepdims=True) if self.centered else x
        power = np.square(d).mean(axes, dtype=np.float32, keepdims=True)
        with np.errstate(all="ignore"):
            y = d / np.sqrt(power + np.float32(self.epsilon)) * gamma + beta
        return (y.astype(np.float32),)

    def const_params(self, g: Graph, params: Mapping[str, QuantParams]) -> dict[str, QuantParams]:
        """gamma and beta nearly as they are: the arithmetic rounds them once."""
        found = {}
        for name in self.ins[1:]:
            top = float(np.abs(np.asarray(g.const(name), np.float64)).max(initial=0.0)) or 1.0
            found[name] = QuantParams(np.array(top / 2**30), np.array(0, np.int32), 32)
        return found

    def _fixed(self, g: Graph) -> _Fixed:
        x, y = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        gamma, beta = (g.tensor(n).params.dequantize(g.integers(n)).reshape(-1).astype(np.float64)
                       for n in self.ins[1:])
        c = gamma.size
        frac = ((1 << 15) // (isqrt(c) + 1)).bit_length() - 1
        step = max(np.abs(gamma).max() / (1 << _GAMMA_BITS),
                   np.abs(beta).max() * 2.0**frac / (1 << _BETA_BITS), 1e-30)
        # with a factor of 1/2 every output is saturated already, or 0
        mult, shift = quantize_multiplier(min(step * 2.0**-frac / float(y.scale), 0.5))
        epsilon = min(self.epsilon * (c / float(x.scale)) ** 2, float(_MOST_EPSILON))
        return _Fixed(c, frac, 30 - (255 * c).bit_length(), max(1, round(epsilon)),
                      np.rint(gamma / step).astype(np.int16),
                      np.rint(beta / step * 2.0**frac).astype(np.int32), mult, shift)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        f, zero = self._fixed(g), int(g.tensor(self.ins[0]).params.zero)
        x = qs[0].astype(np.int64).reshape(-1, f.c) - zero
        total = x.sum(1, keepdims=True) if self.centered else np.int64(0)
        d = f.c * x - total  # c times the difference to the mean
        power = f.c * np.square(x).sum(1, keepdims=True) - total * total + f.epsilon
        root, exponent = reciprocal_root(power)
        right = 15 + f.lift - f.frac + exponent
        root = np.where(right > 31, 0, root)
        n = rounding_shift(doubling_high_mul(d << f.lift, root), np.minimum(right, 31))
        acc = n * f.gamma.astype(np.int64) + f.beta
        y = requantize(acc, f.mult, f.shift) + int(g.tensor(self.outs[0]).params.zero)
        return (clamp_int8(y).reshape(qs[0].shape),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        f, x, kernel = self._fixed(g), g.tensor(self.ins[0]), plain.pick(plain.LAYER_NORM, target)
        fields = (("rows", x.size // f.c), ("c", f.c), ("in_zero", int(x.params.zero)),
                  ("out_zero", int(g.tensor(self.outs[0]).params.zero)),
                  ("centered", int(self.centered)), ("lift", f.lift),
                  ("right", 15 + f.lift - f.frac), ("shift", f.shift), ("mult", f.mult),
                  ("epsilon", f.epsilon),
                  ("gamma", Blob("gamma", "int16_t", f.gamma, "factors")),
                  ("beta", Blob("beta", "int32_t", f.beta, f"offsets, {f.frac} bits finer")))
        return (Call(name=self.name, op="LayerNorm", func=kernel.func, struct="eq_layernorm_s8_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(0,)),)
