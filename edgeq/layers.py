"""Layers with weights as equalization and quantization see them: channels in, channels out."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.float_layers import FloatLayer

MacOp = Conv2D | DepthwiseConv2D | Dense


@dataclass(frozen=True, eq=False)
class Channels:
    """Per channel (last axis) of one activation: extremes and means over samples and positions."""

    low: NDArray[np.float64]  # (C,)
    high: NDArray[np.float64]  # (C,)
    mean: NDArray[np.float64]  # (C,)
    power: NDArray[np.float64]  # (C,) mean of the squares
    count: int  # values a channel


def is_mac(op: Op) -> bool:
    """True for the layers whose weights and bias become integers."""
    return isinstance(op, Conv2D | DepthwiseConv2D | Dense) and not isinstance(op, FloatLayer)


@dataclass(frozen=True, eq=False)
class MacView:
    """One layer of a float graph: its operator and constants."""

    op: MacOp
    weight: FloatArray  # conv (oc, kh, kw, ic), depthwise (1, kh, kw, oc), dense (oc, ic)
    bias: FloatArray  # (oc,)

    @property
    def axis(self) -> int:
        """The axis of output channels in `weight`."""
        return self.op.weight_spec.axis

    @property
    def depthwise(self) -> bool:
        return isinstance(self.op, DepthwiseConv2D)

    @property
    def in_c(self) -> int | None:
        """Input channels; None for a depthwise layer, which has as many as its input."""
        return None if self.depthwise else int(self.weight.shape[-1])

    def out_rows(self) -> FloatArray:
        """Weights as (out_c, everything that one output channel reads)."""
        return np.moveaxis(self.weight, self.axis, 0).reshape(self.weight.shape[self.axis], -1)

    def scaled_out(self, factor: NDArray[np.float64]) -> tuple[FloatArray, FloatArray]:
        """Weights and bias with output channel c multiplied by factor[c]."""
        shape = [1] * self.weight.ndim
        shape[self.axis] = -1
        w = (self.weight * factor.reshape(shape)).astype(np.float32)
        return w, (self.bias * factor).astype(np.float32)

    def scaled_in(self, factor: NDArray[np.float64]) -> FloatArray:
        """Weights with all that input channel c feeds multiplied by factor[c]."""
        if self.depthwise:
            factor = np.repeat(factor, self.weight.shape[-1] // factor.size)
        return np.asarray(self.weight * factor, np.float32)

    def in_range(self, in_c: int) -> NDArray[np.float64]:
        """Largest |weight| that reads each of the `in_c` input channels: (in_c,)."""
        top = np.abs(self.weight).reshape(-1, self.weight.shape[-1]).max(0).astype(np.float64)
        return np.asarray(top.reshape(in_c, -1).max(1) if self.depthwise else top)

    def out_range(self) -> NDArray[np.float64]:
        """Largest |weight| of each output channel: (out_c,)."""
        return np.asarray(np.abs(self.out_rows()).max(1), np.float64)


def mac_view(g: Graph, op: Op) -> MacView:
    """The layer `op` of the float graph `g`."""
    assert isinstance(op, Conv2D | DepthwiseConv2D | Dense)
    spec = op.weight_spec
    weight, bias = g.const(op.ins[spec.weight]), g.const(op.ins[spec.bias])
    return MacView(op, np.asarray(weight, np.float32), np.asarray(bias, np.float32))


def act_of(op: Op) -> Act:
    """The fused activation of `op`."""
    act = getattr(op, "act", Act.NONE)
    assert isinstance(act, Act)
    return act


def without_act(op: MacOp) -> MacOp:
    """`op` that stops before its fused activation."""
    return replace(op, act=Act.NONE)


def shared_weights(g: Graph) -> frozenset[str]:
    """Names of the layers whose weights another layer has too, such as the turns of a loop.

    What treats layers one by one leaves these alone, so that their integers stay one table.
    """
    seen: dict[bytes, list[str]] = {}
    for op in g.ops:
        if is_mac(op):
            weight = g.const(op.ins[1])
            key = hashlib.sha256(np.ascontiguousarray(weight).tobytes()).digest()
            seen.setdefault(key + repr(weight.shape).encode(), []).append(op.name)
    return frozenset(name for names in seen.values() if len(names) > 1 for name in names)


def unshare(g: Graph) -> Graph:
    """An equal graph in which no two layers share a weight or bias tensor."""
    uses = Counter(n for op in g.ops for n in op.ins if g.tensor(n).is_const)
    tensors, ops = dict(g.tensors), []
    for op in g.ops:
        if is_mac(op):
            ins = list(op.ins)
            for i in (1, 2):
                if uses[ins[i]] > 1:
                    name = f"{ins[i]}@{op.name}"
                    data = g.const(op.ins[i])
                    tensors[name], ins[i] = Tensor(name, data.shape, data), name
            op = replace(op, ins=tuple(ins))
        ops.append(op)
    return g.replace(tensors=tensors, ops=tuple(ops))
