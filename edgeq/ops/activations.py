"""Activations that stand alone: all functions of one value (see lut.py)."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import Graph, IntArray, QuantParams
from edgeq.ops import sigmoid16
from edgeq.ops.base import Act, Fixed, Limit, Op, Rule
from edgeq.ops.lut import CODES, Unary, clamp_int8, float32_scale, scaled_codes
from edgeq.ops.slopes16 import Slopes
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize, rounding_shift

Reals = NDArray[np.float64]
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True, kw_only=True)
class Logistic(Unary):
    """y = 1 / (1 + e^-x)."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("LOGISTIC",)
    limits: ClassVar[tuple[Limit, ...]] = sigmoid16.LIMITS

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def fn(self, x: Reals) -> Reals:
        with np.errstate(over="ignore"):
            return 1.0 / (1.0 + np.exp(-x))

    def fn32(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            e = np.exp(-x.astype(np.float64)).astype(np.float32)
        return np.float32(1) / (np.float32(1) + e)

    def rule(self) -> Rule:
        return Fixed(1 / 256, -128)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        q = g.tensor(self.ins[0]).params
        if q.bits == 8:
            return super().run_int(g, *qs)
        return (sigmoid16.logistic16(qs[0], *sigmoid16.scaling(float(q.scale), (0,))),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        if g.tensor(self.ins[0]).params.bits == 8:
            return super().lower(g, target)
        return (sigmoid16.wide_call(self, g, "eq_logistic_s16", (0,)),)


@dataclass(frozen=True, kw_only=True)
class Tanh(Unary):
    """y = tanh(x)."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("TANH",)
    limits: ClassVar[tuple[Limit, ...]] = sigmoid16.LIMITS

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def fn(self, x: Reals) -> Reals:
        return np.tanh(x)

    def rule(self) -> Rule:
        return Fixed(1 / 128, 0)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        q = g.tensor(self.ins[0]).params
        if q.bits == 8:
            return super().run_int(g, *qs)
        return (sigmoid16.tanh16(qs[0], *sigmoid16.scaling(float(q.scale), (0, 1))),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        if g.tensor(self.ins[0]).params.bits == 8:
            return super().lower(g, target)
        return (sigmoid16.wide_call(self, g, "eq_tanh_s16", (0, 1)),)


@dataclass(frozen=True, kw_only=True)
class Sloped(Unary):
    """What has one slope on each side of 0: 16-bit integers need no table."""

    @abstractmethod
    def slopes(self, q_in: QuantParams, q_out: QuantParams) -> Slopes:
        """The slopes and bounds in steps of 16-bit integers."""

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        q_in, q_out = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        if q_in.bits == 8:
            return super().run_int(g, *qs)
        return (self.slopes(q_in, q_out).apply(qs[0]),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        q_in, q_out = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        if q_in.bits == 8:
            return super().lower(g, target)
        return (self.slopes(q_in, q_out).call(self, g),)


@dataclass(frozen=True, kw_only=True)
class Relu(Sloped):
    """y = x clamped to the bounds of `act`, where no other kernel could take the clamp along."""

    act: Act

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("RELU", "RELU6", "RELU_N1_TO_1")

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        acts = {"RELU": Act.RELU, "RELU6": Act.RELU6, "RELU_N1_TO_1": Act.RELU_N1_TO_1}
        return cls(name=node.name, ins=node.ins, outs=node.outs, act=acts[node.kind])

    def fn(self, x: Reals) -> Reals:
        low, high = self.act.bounds
        return np.clip(x, low, high)

    def table(self, q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
        """TFLite's QuantizedReluX: one requantization, bounds rounded in float32."""
        scale_out = float32_scale(q_out)
        y = scaled_codes(q_in, q_out, float(float32_scale(q_in) / scale_out))
        low, high = (_grid(bound, scale_out, int(q_out.zero)) for bound in self.act.bounds)
        return clamp_int8(y, max(-128, low), min(127, high))

    def slopes(self, q_in: QuantParams, q_out: QuantParams) -> Slopes:
        scale_out = float32_scale(q_out)
        factor = float(float32_scale(q_in) / scale_out)
        low, high = (_grid(bound, scale_out, 0) for bound in self.act.bounds)
        return Slopes(factor, factor, max(-32768, low), min(32767, high))


def _grid(bound: float, scale: np.float32, zero: int) -> int:
    """`bound` as an integer under the parameters, half away from zero; large where infinite."""
    if math.isinf(bound):
        return int(math.copysign(1 << 20, bound))
    scaled = float(np.float32(bound) / scale)
    return zero + int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Sloped):
    """y = x for x >= 0, else alpha * x."""

    alpha: float

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("LEAKY_RELU",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        alpha = float(node.options(tflite.LeakyReluOptions).Alpha())
        return cls(name=node.name, ins=node.ins, outs=node.outs, alpha=alpha)

    def fn(self, x: Reals) -> Reals:
        return np.where(x > 0, x, x * self.alpha)

    def table(self, q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
        """TFLite's QuantizeLeakyRelu: one multiplier for each side, both computed in float32."""
        scale_in, scale_out = float32_scale(q_in), float32_scale(q_out)
        slope = float(scale_in * np.float32(self.alpha) / scale_out)
        mult, shift = quantize_multiplier(min(abs(slope), 2.0**20))
        x = CODES.astype(np.int64) - int(q_in.zero)
        below = requantize(x, mult, shift) * (-1 if slope < 0 else 1) + int(q_out.zero)
        above = scaled_codes(q_in, q_out, float(scale_in / scale_out))
        return clamp_int8(np.where(x >= 0, above, below))

    def slopes(self, q_in: QuantParams, q_out: QuantParams) -> Slopes:
        scale_in, scale_out = float32_scale(q_in), float32_scale(q_out)
        return Slopes(float(scale_in / scale_out),
                      float(scale_in * np.float32(self.alpha) / scale_out))


@dataclass(frozen=True, kw_only=True)
class HardSwish(Unary):
    """y = x * clamp(x + 3, 0, 6) / 6."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("HARD_SWISH",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def fn(self, x: Reals) -> Reals:
        return x * np.clip(x + 3.0, 0.0, 6.0) / 6.0

    def table(self, q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
        """TFLite's int16 fixed point: x in Q7 above its scale, relu6(x + 3) / 6 in Q15.

        Where the output's scale is finer than 1/128 of the input's, which that formula does not
        cover, the rounded real function.
        """
        hires = np.float32(1 / 128) * float32_scale(q_in)
        out_mult, out_exp = _multiplier16(float(hires / float32_scale(q_out)))
        relu_mult, relu_exp = _multiplier16(float(hires / np.float32(3 / 32768)))
        if out_exp > 0:
            return super().table(q_in, q_out)
        x = (CODES.astype(np.int64) - int(q_in.zero)) * 128
        scaled = _high_mul16(x, out_mult)
        gate = x
        if relu_exp > 0:
            gate = _int16(gate << (relu_exp - 1))
        gate = _high_mul16(gate, relu_mult)
        gate = _int16(gate << 1) if relu_exp > 0 else rounding_shift(gate, -relu_exp)
        gate = (gate + (1 << 15)) >> 1
        product = gate * scaled
        y = rounding_shift(np.sign(product) * (np.abs(product) >> 15), -out_exp)
        return clamp_int8(y + int(q_out.zero))


def _multiplier16(real: float) -> tuple[int, int]:
    """quantize_multiplier with 15 fraction bits, and the exponent."""
    mult, shift = quantize_multiplier(real)
    saturated = mult >= (1 << 31) - 1 - (1 << 15)
    return ((1 << 15) - 1 if saturated else (mult + (1 << 15)) >> 16), shift


def _int16(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(x, -(1 << 15), (1 << 15) - 1)


def _high_mul16(a: NDArray[np.int64], b: int) -> NDArray[np.int64]:
    """gemmlowp's 16-bit SaturatingRoundingDoublingHighMul: division truncates, halves away."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.asarray(np.sign(nudged) * (np.abs(nudged) >> 15), np.int64)


@dataclass(frozen=True, kw_only=True)
class Elu(Unary):
    """y = x for x >= 0, else alpha * (e^x - 1)."""

    alpha: float = 1.0

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("ELU",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def fn(self, x: Reals) -> Reals:
        return np.where(x < 0, self.alpha * np.expm1(np.minimum(x, 0)), x)


@dataclass(frozen=True, kw_only=True)
class Gelu(Unary):
    """y = x * Phi(x), Phi the normal distribution, or its tanh approximation."""

    approximate: bool = False

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("GELU",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        approximate = bool(node.options(tflite.GeluOptions).Approximate())
        return cls(name=node.name, ins=node.ins, outs=node.outs, approximate=approximate)

    def fn(self, x: Reals) -> Reals:
        if self.approximate:
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return np.asarray(0.5 * x * (1 + np.tanh(inner)))
        return np.asarray(0.5 * x * _erfc(x * -math.sqrt(0.5)))
