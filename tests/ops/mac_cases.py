"""Random quantized MAC layers for tests: one operator between an input and an output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from edgeq.ir import Graph, IntArray, QuantParams, Tensor, dtype_of
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D


@dataclass(frozen=True)
class Geometry:
    """A window layer; `pad` and sizes are chosen so that the output is not empty."""

    h: int
    w: int
    in_c: int
    out_c: int
    kh: int
    kw: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[tuple[int, int], tuple[int, int]]


@st.composite
def geometries(draw: st.DrawFn, depthwise: bool = False) -> Geometry:
    small = st.integers(1, 3)
    kh, kw = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    dil = (draw(small), draw(small))
    # padding beyond the kernel gives windows that see nothing but padding
    pad = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2))
    need = [(k - 1) * d + 1 - sum(p) for k, d, p in zip((kh, kw), dil, pad, strict=True)]
    h, w = (max(1, n) + draw(st.integers(0, 5)) for n in need)
    in_c = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 15, 16, 17, 33]))
    out_c = in_c * draw(st.integers(1, 4)) if depthwise else draw(st.integers(1, 19))
    return Geometry(h, w, in_c, out_c, kh, kw, (draw(small), draw(small)), dil, (pad[0], pad[1]))


zeros = st.sampled_from([-128, -1, 0, 5, 127])
acts = st.sampled_from(list(Act))
seeds = st.integers(0, 2**32 - 1)


def window_case(kind: type[Conv2D] | type[DepthwiseConv2D], geo: Geometry, act: Act,
                zeros: tuple[int, int], per_channel: bool, seed: int,
                bits: int = 8, act_bits: int = 8) -> tuple[Graph, IntArray]:
    """The graph of one convolution with weights of `bits` and an input for it."""
    shape = ((geo.out_c, geo.kh, geo.kw, geo.in_c) if kind is Conv2D
             else (1, geo.kh, geo.kw, geo.out_c))
    op = kind(name="layer", ins=("x", "w", "b"), outs=("y",), stride=geo.stride,
              dilation=geo.dilation, pad=geo.pad, act=act)
    axis = 0 if kind is Conv2D else 3
    return _case(op, (1, geo.h, geo.w, geo.in_c), shape, axis, zeros, per_channel, seed,
                 bits, act_bits)


def dense_case(rows: int, in_c: int, out_c: int, act: Act, zeros: tuple[int, int],
               per_channel: bool, seed: int, bits: int = 8,
               act_bits: int = 8) -> tuple[Graph, IntArray]:
    """The graph of one dense layer over (1, rows, in_c) and an input for it."""
    op = Dense(name="layer", ins=("x", "w", "b"), outs=("y",), act=act, keep_dims=True)
    return _case(op, (1, rows, in_c), (out_c, in_c), 0, zeros, per_channel, seed, bits,
                 act_bits)


def _case(op: Op, x: tuple[int, ...], w: tuple[int, ...], axis: int, zeros: tuple[int, int],
          per_channel: bool, seed: int, bits: int, act_bits: int) -> tuple[Graph, IntArray]:
    """Weights hold the extremes, and output scales span saturation to near silence."""
    rng = np.random.default_rng(seed)
    out_c, k = w[axis], int(np.prod(w)) // w[axis]
    scale = 10.0 ** rng.uniform(-4, 0, out_c) if per_channel else np.float64(0.01)
    w_zero = np.zeros(np.shape(scale), np.int32)
    extreme = rng.random() < 0.3
    step = 0.05 if act_bits == 8 else 0.0002
    zeros = zeros if act_bits == 8 else (0, 0)
    low, high = (-128, 127) if bits == 8 else (-7, 7)
    data = rng.choice([low, high], w) if extreme else rng.integers(low, high + 1, w)
    out_scale = float(np.max(scale)) * step * k**0.5 * 10.0 ** rng.uniform(-0.5, 2)
    bias_axis = 0 if per_channel else None
    y = op.shape(x, w, (out_c,))[0]
    tensors = [
        Tensor("x", x, None, _tensor_params(step, zeros[0], act_bits)),
        Tensor("w", w, data.astype(np.int8),
               QuantParams(scale, w_zero, bits, axis if per_channel else None)),
        Tensor("b", (out_c,), rng.integers(-20000, 20000, out_c).astype(np.int32),
               QuantParams(scale * step, w_zero, 32, bias_axis)),
        Tensor("y", y, None, _tensor_params(out_scale, zeros[1], act_bits)),
    ]
    graph = Graph({t.name: t for t in tensors}, (op,), ("x",), ("y",))
    p = graph.tensor("x").params
    q = rng.choice([p.qmin, p.qmax], x) if extreme else rng.integers(p.qmin, p.qmax + 1, x)
    return graph, q.astype(dtype_of(act_bits))


def _tensor_params(scale: float, zero: int, bits: int) -> QuantParams:
    return QuantParams(np.asarray(scale, np.float64), np.asarray(zero, np.int32), bits)
