"""What convolution, depthwise and dense layers share: requantization of an int32 accumulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels.base import MacKernel, MacLayer, weight_blob
from edgeq.ops.base import Act, Op, clamp_bounds
from edgeq.plan import Blob, Value
from edgeq.requant import quantize_multipliers, requantize


def apply_act(x: FloatArray, act: Act) -> FloatArray:
    """The float activation."""
    low, high = act.bounds
    return x if act is Act.NONE else np.clip(x, np.float32(low), np.float32(high))


@dataclass(frozen=True, eq=False)
class Epilogue:
    """From accumulator to int8: per-channel multiplier, output zero point, clamp."""

    mult: NDArray[np.int32]  # (out_c,)
    shift: NDArray[np.int8]  # (out_c,)
    out_zero: int
    act_min: int
    act_max: int

    def apply(self, acc: IntArray) -> IntArray:
        """Requantized, clamped outputs for accumulators of shape (..., out_c)."""
        y = requantize(acc, self.mult, self.shift) + self.out_zero
        return np.clip(y, self.act_min, self.act_max).astype(np.int8)


def epilogue(op: Op, g: Graph, act: Act, out_c: int) -> Epilogue:
    """The epilogue of `op` (inputs x, weights, bias) from the scales in `g`; (out_c,) always."""
    q_in, q_w = g.tensor(op.ins[0]).params, g.tensor(op.ins[1]).params
    q_out = g.tensor(op.outs[0]).params
    real = np.broadcast_to(q_in.scale * q_w.scale / q_out.scale, (out_c,))
    mult, shift = quantize_multipliers(real)
    low, high = clamp_bounds(act, q_out)
    return Epilogue(mult, shift, int(q_out.zero), low, high)


def exact_matmul(x: IntArray, w: IntArray) -> NDArray[np.int64]:
    """x (..., k) @ w (k, c), exact: float32 BLAS where k * 2**14 fits in 24 bits, else float64."""
    kind = np.float32 if x.shape[-1] <= 1 << 10 and x.dtype == np.int8 else np.float64
    return np.asarray(np.rint(x.astype(kind) @ w.astype(kind)), np.int64)


def folded_bias(bias: IntArray, weight_sum: IntArray, in_zero: int) -> NDArray[np.int64]:
    """Bias with the input's zero point folded in: sum((x - z) * w) + b = sum(x * w) + this."""
    return np.asarray(bias, np.int64) - in_zero * np.asarray(weight_sum, np.int64)


def mac_fields(layer: MacLayer, kernel: MacKernel) -> tuple[tuple[str, Value], ...]:
    """The tables that every MAC struct ends with."""
    return (
        ("weights", weight_blob(kernel, layer)),
        ("bias", Blob("bias", "int32_t", layer.bias, "input zero point folded in")),
        ("mult", Blob("mult", "int32_t", layer.mult, "Q31")),
        ("shift", Blob("shift", "int8_t", layer.shift, "positive is left")),
    )
