"""High-bias absorption: a part of a layer's output that never vanishes moves into the next bias."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeq.ir import Graph, Tensor
from edgeq.layers import Channels, act_of, mac_view
from edgeq.ops.base import Act
from edgeq.ops.dense import Dense
from edgeq.passes.equalize import CLIP_MARGIN, Pair, pairs


def absorb_bias(g: Graph, channels: Mapping[str, Channels]) -> Graph:
    """A float graph with the same results on the samples and smaller activation ranges.

    Where a ReLU channel never falls below c > 0 on the samples (`channels`, statistics of `g`),
    relu(z) = relu(z - c) + c, so b1 -= c and b2 += W2 c (Nagel et al. 2019, equations 13 to 15,
    with the observed minimum for beta - 3 gamma, which a folded model does not hold any more).
    The second layer must not pad, because a border of zeros would have to become -c.
    """
    for pair in pairs(g):
        if _absorbs(pair):
            g = _absorbed(g, pair, channels[pair.between[0]])
    return g


def _absorbs(pair: Pair) -> bool:
    unpadded = isinstance(pair.second, Dense) or pair.second.pad == ((0, 0), (0, 0))
    return unpadded and act_of(pair.first) in (Act.RELU, Act.RELU6)


def _absorbed(g: Graph, pair: Pair, seen: Channels) -> Graph:
    shift = np.maximum(seen.low, 0.0)  # (C,)
    if act_of(pair.first) is Act.RELU6:
        shift = np.where(seen.high * CLIP_MARGIN < 6.0, shift, 0.0)
    if not shift.any():
        return g
    a, b = mac_view(g, pair.first), mac_view(g, pair.second)
    axes = tuple(range(b.weight.ndim - 1))
    if b.depthwise:
        gain = b.weight.sum(axes) * np.repeat(shift, b.bias.size // shift.size)  # (out_c,)
    else:
        gain = b.weight.reshape(b.weight.shape[0], -1, shift.size).sum(1) @ shift  # (out_c,)
    first = (a.bias - shift).astype(np.float32)
    second = (b.bias + gain).astype(np.float32)
    return g.with_tensors(Tensor(pair.first.ins[2], first.shape, first),
                          Tensor(pair.second.ins[2], second.shape, second))
