"""SVDF: a dense layer for each time step, then a filter over the kept results of the last steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, Tensor
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Rule, SameAsInput, Shape
from edgeq.ops.mac import apply_act, exact_matmul
from edgeq.plan import Blob, Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize

Wide = NDArray[np.int64]
_INT32 = (1 << 31) - 1
_BIAS_BITS = 28  # |bias| stays below 2**28
_MOST_TIMES = (1 << 16) - 4096  # sum of |times| of a unit: with the state's 2**15 below 2**31
_FINEST = 2.0**20  # steps of input times feature in one of the state
_LEAST = 1e-12  # of a scale, where all is zero


def _clamps(op: Op, g: Graph) -> str:
    assert isinstance(op, Svdf)
    q = g.tensor(op.outs[0]).q
    free = op.act is Act.NONE or (op.act is Act.RELU and q is not None and int(q.zero) == q.qmin)
    return "" if free or q is None else f"{op.act.value} above a zero point of {q.zero}"


def _large_factor(op: Op, g: Graph) -> str:
    assert isinstance(op, Svdf)
    if g.tensor(op.ins[0]).q is None:
        return ""
    features = np.abs(g.integers(op.ins[2]).astype(np.int64))
    most = int(255 * features.sum(1).max()) << max(0, op.factors(g)[0][1])
    return "" if most < 1 << 31 else f"features of up to {most}"


@dataclass(frozen=True, kw_only=True)
class Svdf(Op):
    """s = x f' joins the last steps kept; y = act(sum over rank and time of s * t + b).

    Inputs: x (1, in_c), the state (1, filters * memory), features (filters, in_c), times
    (filters, memory), b (units,), filters = units * rank. Outputs: y (1, units), the next state.
    The state has 16 bits and zero point 0, and so have the times. Files with a state of 8 bits
    are `narrow`: features are clamped to int8, and wrap around where `state_zero` takes them
    beyond.
    """

    rank: int
    act: Act = Act.NONE
    narrow: bool = False
    state_zero: int = 0

    wide: ClassVar[bool] = True
    own_consts: ClassVar[tuple[int, ...]] = (2, 3, 4)
    tflite_names: ClassVar[tuple[str, ...]] = ("SVDF",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("no clamp but the output's own", _clamps, "put the activation behind"),
        Limit("features below 2**31 after scaling", _large_factor,
              "check the scales of this layer"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.SVDFOptions)
        x, features, times, bias, state = (*node.ins, "")[:5]
        q = node.tensors[state].q
        act = node.act(opts.FusedActivationFunction())
        node.require(q is not None or act in (Act.NONE, Act.RELU), f"{act.value} in a float layer",
                     "none or relu", "put the activation behind the layer")
        narrow, zero = q is not None and q.bits == 8, 0 if q is None else int(q.zero)
        if q is not None:
            wide = QuantParams(q.scale, 0 * q.zero, 16)
            node.tensors[state] = Tensor(state, node.tensors[state].shape, None, wide)
        after = f"{state}/next"
        kept = node.tensors[state]
        node.tensors[after] = Tensor(after, kept.shape, None, kept.q)
        return cls(name=node.name, ins=(x, state, features, times, bias or _zero_bias(node)),
                   outs=(*node.outs, after), rank=opts.Rank(), narrow=narrow, state_zero=zero,
                   act=act)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((ins[0][0], ins[4][0]), ins[1])

    def carried(self) -> tuple[tuple[int, int], ...]:
        return ((1, 1),)

    def output_rule(self, index: int) -> Rule:
        return SameAsInput(1) if index else self.rule()

    def takes_wide(self, g: Graph) -> bool:
        return g.tensor(self.ins[0]).q is not None

    def state_params(self, g: Graph) -> tuple[QuantParams, ...]:
        return (_wide_state(g.tensor(self.ins[1]).params),)

    def const_params(self, g: Graph, params: Mapping[str, QuantParams]) -> dict[str, QuantParams]:
        """Features of 8 bits, times of 16 so that the sums over all steps stay within 31 bits."""
        _, state, features, times, bias = self.ins
        kept = float(_wide_state(params[state]).scale)
        f, t, b = (np.abs(np.asarray(g.const(n), np.float64)) for n in (features, times, bias))
        f_scale = max(float(f.max()) / 127, kept / (float(params[self.ins[0]].scale) * _FINEST))
        longest = float(t.reshape(len(b), -1).sum(1).max())
        t_scale = max(float(t.max()) / 32767, longest / _MOST_TIMES,
                      float(b.max()) / (kept * 2.0**_BIAS_BITS), _LEAST)
        return {features: _symmetric(f_scale, 8), times: _symmetric(t_scale, 16),
                bias: _symmetric(kept * t_scale, 32)}

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, state, features, times, bias = xs
        kept = self._joined(state, x @ features.T, times.shape[1]).astype(np.float32)
        y = self._over_time(kept, times).sum(-1) + bias
        return apply_act(y.astype(np.float32), self.act), kept.reshape(state.shape)

    def _joined(self, state: NDArray[np.generic], newest: NDArray[np.generic], memory: int
                ) -> NDArray[np.generic]:
        """The last steps of every filter, (n, filters, memory), the newest behind."""
        old = state.reshape(len(state), -1, memory)
        return np.concatenate([old[:, :, 1:], newest[:, :, None].astype(state.dtype)], 2)

    def _over_time(self, kept: NDArray[np.generic], times: NDArray[np.generic]) -> FloatArray:
        """Sums over time for each rank of each unit, (n, units, rank)."""
        exact = np.asarray(kept, np.float64) * np.asarray(times, np.float64)
        return np.asarray(exact.sum(2).reshape(len(kept), -1, self.rank))

    def factors(self, g: Graph) -> tuple[tuple[int, int], tuple[int, int]]:
        """(mult, shift) to the state and to the output; scales multiplied in float32 as TFLite."""
        x, s, f, t, y = (np.float32(g.tensor(n).params.scale)
                         for n in (*self.ins[:4], self.outs[0]))
        return quantize_multiplier(float(x * f / s)), quantize_multiplier(float(s * t / y))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, state, features, times, bias = qs
        x_zero, out = int(g.tensor(self.ins[0]).params.zero), g.tensor(self.outs[0]).params
        to_state, to_out = self.factors(g)
        newest = exact_matmul(x, features.T) - x_zero * features.sum(1, dtype=np.int64)
        high = 127 if self.narrow else 32767
        newest = np.clip(requantize(newest, *to_state), ~high, high)
        if self.narrow:
            newest = (newest + self.state_zero + 128) % 256 - 128 - self.state_zero
        kept = self._joined(state, newest, times.shape[1])
        acc = self._over_time(kept, times).sum(-1).astype(np.int64) + bias.astype(np.int64)
        most = _INT32 >> max(0, to_out[1])
        y = requantize(np.clip(acc, -most, most), *to_out) + int(out.zero)
        return (np.clip(y, -128, 127).astype(np.int8), kept.reshape(state.shape).astype(np.int16))

    def macs(self, g: Graph) -> int:
        return g.tensor(self.ins[2]).size + g.tensor(self.ins[3]).size

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        features, times, bias = (g.integers(n) for n in self.ins[2:])
        x_zero = int(g.tensor(self.ins[0]).params.zero)
        to_state, to_out = self.factors(g)
        kernel = plain.pick(plain.SVDF, target)
        offset = -x_zero * features.sum(1, dtype=np.int64)
        fields = (
            ("in_c", features.shape[1]), ("units", bias.size), ("rank", self.rank),
            ("memory", times.shape[1]), ("out_zero", int(g.tensor(self.outs[0]).params.zero)),
            ("state_max", 127 if self.narrow else 32767), ("state_zero", self.state_zero),
            ("state_shift", to_state[1]), ("out_shift", to_out[1]),
            ("state_mult", to_state[0]), ("out_mult", to_out[0]),
            ("features", Blob("weights", "int8_t", features.reshape(-1), "(filters, in_c)",
                              align=16)),
            ("offset", Blob("offset", "int32_t", offset.astype(np.int32),
                            "input zero point times the features")),
            ("times", Blob("times", "int16_t", times.reshape(-1).astype(np.int16),
                           "(filters, memory)")),
            ("bias", Blob("bias", "int32_t", bias.astype(np.int32))))
        return (Call(name=self.name, op="Svdf", func=kernel.func, struct="eq_svdf_s8_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(None,), macs=self.macs(g)),)


def _wide_state(q: QuantParams) -> QuantParams:
    """The state's 16-bit parameters for the range of `q`; its own where it has 16 bits and no zero
    point.
    """
    if q.bits == 16 and not q.zero.any():
        return q
    ends = (q.qmin - int(q.zero), q.qmax - int(q.zero))
    return _symmetric(max(abs(e) for e in ends) * float(q.scale) / 32767, 16)


def _symmetric(scale: float, bits: int) -> QuantParams:
    """Parameters of a whole tensor with zero point 0, as files hold them: the scale in float32."""
    return QuantParams(np.asarray(np.float32(scale), np.float64), np.asarray(0, np.int32), bits)


def _zero_bias(node: TfliteNode) -> str:
    """Name of a new bias of zeros."""
    name, units = f"{node.name}/zero_bias", node.tensors[node.outs[0]].shape[-1]
    if node.tensors[node.outs[0]].q is None:
        node.tensors[name] = Tensor(name, (units,), np.zeros(units, np.float32))
        return name
    q = QuantParams(np.asarray(1.0), np.asarray(0, np.int32), 32)
    node.tensors[name] = Tensor(name, (units,), np.zeros(units, np.int32), q)
    return name
