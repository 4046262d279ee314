"""What convolution, depthwise and dense layers share: requantization of an int32 accumulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels.base import MacKernel, MacLayer, weight_blob
from edgeq.kernels.levels import TOP, split_factors
from edgeq.ops.base import Act, Op, clamp_bounds
from edgeq.plan import Blob, Value
from edgeq.requant import quantize_multipliers, requantize, requantize_wide

_CHUNK_BYTES = 16 << 20  # working memory of one batch chunk


def weights_not_const(op: Op, g: Graph) -> str:
    """Check of the limit "constant weights"."""
    return "" if g.tensor(op.ins[1]).is_const else "weights are computed at run time"


def bias_differs(op: Op, g: Graph) -> str:
    """Check of the limit "one bias for each output channel"."""
    spec = op.weight_spec
    assert spec is not None
    bias, out_c = g.tensor(op.ins[spec.bias]), g.tensor(op.ins[spec.weight]).shape[spec.axis]
    if not bias.is_const:
        return "a bias that is computed at run time"
    return "" if bias.shape == (out_c,) else f"bias {bias.shape} for {out_c} output channels"


def weights_not_symmetric(op: Op, g: Graph) -> str:
    """Check of the limit "weights with zero point 0"."""
    q = g.tensor(op.ins[1]).q
    return "" if q is None or not q.zero.any() else f"weights with zero point {q.zero.max()}"


def weights_not_centred(op: Op, g: Graph) -> str:
    """Check of the limit "one zero point for all weights"."""
    x, w = g.tensor(op.ins[0]), g.tensor(op.ins[1])
    if w.q is None or not w.q.zero.any():
        return ""
    if w.q.axis is not None:
        return f"weights with zero point {w.q.zero.max()} among those of the channels"
    if x.params.bits != 8:
        return f"weights with zero point {w.q.zero} for {x.params.bits}-bit activations"
    sums = prod(w.shape) // min(w.shape[0], w.shape[-1])
    return "" if sums < 1 << 16 else f"weights with zero point {w.q.zero} in sums of {sums}"


def weight_zero(op: Op, g: Graph) -> int:
    """The zero point of the weights of `op`, which only uint8 models have."""
    zero = g.tensor(op.ins[1]).params.zero
    return int(zero) if zero.shape == () else 0


def centred(op: Op, g: Graph, w: IntArray) -> IntArray:
    """The weights `w` without their zero point: int8, or int16 where they have one."""
    zero = weight_zero(op, g)
    return w if zero == 0 else w.astype(np.int16) - np.int16(zero)


def batch_chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Slices that cover a batch of `n`, each of about 16 MB where one sample takes `bytes_each`."""
    step = max(1, _CHUNK_BYTES // max(1, bytes_each))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


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
    bits: int = 8  # of the outputs; 16 has a requantization of its own

    def apply(self, acc: IntArray) -> IntArray:
        """Requantized, clamped outputs for accumulators of shape (..., out_c)."""
        scaled = (requantize_wide if self.bits == 16 else requantize)(acc, self.mult, self.shift)
        return np.clip(scaled + self.out_zero, self.act_min, self.act_max).astype(
            dtype_of(self.bits))


def epilogue(op: Op, g: Graph, act: Act, out_c: int, float32: bool = False) -> Epilogue:
    """The epilogue of `op` (inputs x, weights, bias) from the scales in `g`; (out_c,) always.

    `float32`: the product of two single scales is rounded to float32, as LiteRT does for the
    convolutions of uint8 models.
    """
    q_in, q_w = g.tensor(op.ins[0]).params, g.tensor(op.ins[1]).params
    q_out = g.tensor(op.outs[0]).params
    product = q_in.scale * q_w.scale
    if float32 and q_w.axis is None:
        product = product.astype(np.float32).astype(np.float64)
    real = np.broadcast_to(product / q_out.scale, (out_c,))
    mult, shift = quantize_multipliers(real)
    low, high = clamp_bounds(act, q_out)
    if q_out.bits == 16 and int(shift.max()) > 7:
        raise ModelError(op.name, f"a rescaling by {float(real.max()):.3g}", "below 128",
                         "check the scales of this layer")
    return Epilogue(mult, shift, int(q_out.zero), low, high, q_out.bits)


def exact_matmul(x: IntArray, w: IntArray) -> NDArray[np.int64]:
    """x (..., k) @ w (k, c), exact, through BLAS.

    Two int8 factors give |product| <= 2**14, so for k <= 2**10 every partial sum is an integer
    of at most 24 bits, which float32 holds exactly; otherwise float64, which holds 53 bits.
    """
    k = x.shape[-1]
    small = x.dtype == np.int8 and w.dtype == np.int8 and k <= 1 << 10
    if small:
        return np.asarray(x.astype(np.float32) @ w.astype(np.float32), np.int64)
    assert max(x.dtype.itemsize, w.dtype.itemsize) <= 2
    assert k < 1 << 22
    return np.asarray(x.astype(np.float64) @ w.astype(np.float64), np.int64)


def folded_bias(bias: IntArray, weight_sum: IntArray, in_zero: int) -> NDArray[np.int64]:
    """Bias with the input's zero point folded in: sum((x - z) * w) + b = sum(x * w) + this."""
    return np.asarray(bias, np.int64) - in_zero * np.asarray(weight_sum, np.int64)


def proven(name: str, layer: MacLayer) -> MacLayer:
    """`layer`, whose accumulators fit int32 for any input; raises ModelError where they do not."""
    if layer.act_bits == 16:  # 64-bit sums: 2**22 a product
        assert layer.acc_bound < 1 << 47
        return layer
    left = np.maximum(layer.shift.astype(np.int64), 0)
    worst = int((layer.acc_bounds << np.minimum(left, 31)).max())
    if worst >= 1 << 31:
        raise ModelError(name, f"accumulators of up to {worst} after scaling", "below 2**31",
                         "check the scales of this layer, its weights and bias")
    return layer


def int32_bias(name: str, bias: NDArray[np.int64]) -> NDArray[np.int32]:
    """The folded bias as the C code holds it; raises ModelError where it does not fit."""
    if np.any(np.abs(bias) >= 1 << 31):
        raise ModelError(name, f"a bias of {int(np.abs(bias).max())} with the zero point folded in",
                         "below 2**31", "check the scales and the bias of this layer")
    return bias.astype(np.int32)


def stored_form(op: Op, g: Graph) -> tuple[int, int]:
    """(bits, run) in which kernels store the weights of `op` (MacLayer's fields).

    Weights that are not of the form that their parameters say, as imported ones may be: 8 bits.
    """
    w, q = g.integers(op.ins[1]), g.tensor(op.ins[1]).params
    if q.bits == 4 and q.group == 0 and w.min() >= -7 and w.max() <= 7:
        return 4, 0
    run = gcd(q.group, w.shape[-1]) if q.group else 0
    if q.bits not in TOP or (q.bits == 4 and q.group == 0):
        return 8, 0
    rows = w.astype(np.int8).reshape(w.shape[0], -1)
    return (8, 0) if split_factors(rows, run, q.bits) is None else (q.bits, run)


def window_fields(layer: MacLayer) -> tuple[tuple[str, Value], ...]:
    """The geometry that the structs of convolution and depthwise convolution begin with."""
    return (
        ("in_h", layer.in_h), ("in_w", layer.in_w), ("in_c", layer.in_c),
        ("out_h", layer.out_h), ("out_w", layer.out_w), ("out_c", layer.out_c),
        ("kh", layer.kh), ("kw", layer.kw),
        ("stride_h", layer.stride_h), ("stride_w", layer.stride_w),
        ("dil_h", layer.dil_h), ("dil_w", layer.dil_w),
        ("pad_top", layer.pad_top), ("pad_left", layer.pad_left),
        ("in_zero", layer.in_zero), ("out_zero", layer.out_zero),
        ("act_min", layer.act_min), ("act_max", layer.act_max),
    )


def mac_fields(layer: MacLayer, kernel: MacKernel) -> tuple[tuple[str, Value], ...]:
    """The tables that every MAC struct ends with (null where the kernel packs its own)."""
    if kernel.own_tables:
        return (("weights", weight_blob(kernel, layer)), ("bias", 0), ("mult", 0), ("shift", 0))
    tables = kernel.tables(layer)
    return (
        ("weights", weight_blob(kernel, layer)),
        ("bias", Blob("bias", "int32_t", tables.bias, "input zero point folded in")),
        ("mult", Blob("mult", f"{tables.mult.dtype.name}_t", tables.mult,
                      "Q15" if layer.act_bits == 16 else "Q31")),
        ("shift", Blob("shift", "int8_t", tables.shift,
                       "to the right" if layer.act_bits == 16 else "positive is left")),
    )
