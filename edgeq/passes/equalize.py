"""Cross-layer equalization: move scale between neighbouring layers; the float result stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, Tensor
from edgeq.layers import Channels, MacOp, MacView, act_of, is_mac, mac_view, shared_weights
from edgeq.ops.base import Act, Op
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.reduce import Mean
from edgeq.passes.smooth import largest_level, smooth
from edgeq.recipe import Equalize

Factors = NDArray[np.float64]

CLIP_MARGIN = 1.05  # how far above its largest observed value a ReLU6 channel may be cut
HEADROOM = 1.2  # how far above it a channel that gains resolution still has codes
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a channel's range that equalization takes away
_MOST = 1e4  # factors stay in [1 / _MOST, _MOST]
_ROUNDS = 40
_CONVERGED = 1e-3


@dataclass(frozen=True)
class Pair:
    """Two layers joined by one activation: channel c of `first`'s output feeds only `second`."""

    first: MacOp
    second: MacOp
    between: tuple[str, ...]  # the tensors between them, first's output first


def pairs(g: Graph) -> tuple[Pair, ...]:
    """All pairs that may be rescaled: positively homogeneous activation, no other reader.

    A depthwise triple is two pairs. Views and pools between the layers keep channels apart.
    """
    found, shared = [], shared_weights(g)
    for op in g.ops:
        if is_mac(op) and act_of(op) in (Act.NONE, Act.RELU, Act.RELU6):
            chain = _chain(g, op)
            if chain is not None and not {chain.first.name, chain.second.name} & shared:
                found.append(chain)
    return tuple(found)


def _chain(g: Graph, first: Op) -> Pair | None:
    between = [first.outs[0]]
    channels = g.tensor(first.outs[0]).shape[-1]
    while True:
        readers = g.consumers(between[-1])
        if len(readers) != 1 or between[-1] in g.outs:
            return None
        op = readers[0]
        if is_mac(op):
            same = op.ins[0] == between[-1] and mac_view(g, op).in_c in (None, channels)
            return Pair(first, op, tuple(between)) if same else None  # type: ignore[arg-type]
        if not _keeps_channels(g, op, channels):
            return None
        between.append(op.outs[0])


def _keeps_channels(g: Graph, op: Op, channels: int) -> bool:
    """True where f(s * x) = s * f(x) for any s > 0 a channel."""
    x, y = g.tensor(op.ins[0]).shape, g.tensor(op.outs[0]).shape
    if len(op.outs) != 1 or not x or not y or x[-1] != channels or y[-1] != channels:
        return False
    pools = isinstance(op, AveragePool | MaxPool | Mean)
    return op.is_view or (pools and act_of(op) in (Act.NONE, Act.RELU))


def equalize(g: Graph, kind: Equalize, channels: Mapping[str, Channels],
             bits: Mapping[str, int] = MappingProxyType({})) -> Graph:
    """An equal float graph whose layers quantize better.

    WEIGHTS levels the weight ranges of both layers: s = sqrt(r1 / r2), first / s, second * s
    (Nagel et al. 2019, equation 11), over all pairs until nothing moves. ACTIVATIONS levels the
    ranges of the activation between them as far as it lowers the predicted noise of `second`
    (the idea of Xiao et al. 2023, equation 4; before a depthwise layer with per-channel weights
    it is free), `bits` being those of the weights by layer, 8 where not named. Activations that
    several layers read, or that a normalization makes, follow smooth.py.

    ReLU is positively homogeneous, so the result is exact. ReLU6 is cut at 6 whatever the scale:
    a channel is rescaled only where its largest value on the samples (`channels`, statistics of
    `g`) stays CLIP_MARGIN below the cut before and after. No activation becomes wider than the
    widest channel was, so that nearly dead channels do not blow up their biases.
    """
    if kind is Equalize.OFF:
        return g
    if kind is Equalize.ACTIVATIONS:
        g = smooth(g, channels, bits)
    found = pairs(g)
    total = {p.first.name: np.ones(g.tensor(p.between[0]).shape[-1]) for p in found}
    for _ in range(_ROUNDS if kind is Equalize.WEIGHTS else 1):
        moved = 0.0
        for pair in found:
            a, b = mac_view(g, pair.first), mac_view(g, pair.second)
            done = total[pair.first.name]
            seen = _magnitude(channels[pair.between[0]]) / done
            s = _weight_factors(a, b) if kind is Equalize.WEIGHTS else _act_factors(
                b, seen, channels[pair.between[0]].power, bits.get(pair.second.name, 8))
            s = _within_clip(s, seen, act_of(pair.first), done)
            s = np.maximum(s, seen / (seen * done).max(initial=1e-30))  # no wider than it was
            s = np.clip(done * s, 1 / _MOST, _MOST) / done
            total[pair.first.name] = done * s
            moved = max(moved, float(np.abs(np.log(s)).max()))
            g = _rescaled(g, pair, a, b, s)
        if moved < _CONVERGED:
            break
    return g


def _magnitude(c: Channels) -> Factors:
    return np.maximum(np.abs(c.low), np.abs(c.high))


def _weight_factors(a: MacView, b: MacView) -> Factors:
    r1 = a.out_range()
    r2 = b.in_range(r1.size)
    alive = (r1 > 0) & (r2 > 0)
    return np.where(alive, np.sqrt(np.where(alive, r1, 1) / np.where(alive, r2, 1)), 1.0)


def _act_factors(b: MacView, seen: Factors, power: Factors, bits: int) -> Factors:
    """Factors that make the predicted noise of layer `b` least, the widest channel unchanged.

    `seen` are the channels' largest values, `power` their mean squares, `bits` those of weights.
    """
    top = float(seen.max())
    if top == 0:
        return np.ones_like(seen)
    level = np.where(seen > 0, seen / top, 1.0)  # (C,) in (0, 1]
    taps = _taps(b, seen.size)  # (rows, C, taps)
    need = np.abs(taps).max((0, 2))  # (C,) of what a row can hold
    need = np.where(need > 0, need, 1.0)
    best, least = np.ones_like(seen), np.inf
    for alpha in _SHARES:
        for beta in (0.0,) if b.depthwise else (0.0, 0.25, 0.5):
            s = level**alpha / need**beta
            s = s * float((level / s).max())
            s = np.maximum(s, np.minimum(1.0, HEADROOM * level))
            noise = _noise(b, taps, s, power / top**2, bits)
            if noise < least:
                best, least = s, noise
    return np.where(seen > 0, best, 1.0)


def _taps(b: MacView, channels: int) -> Factors:
    """Weights as (rows, C, taps), each output channel's largest weight 1 (depthwise: one row)."""
    w = b.weight.astype(np.float64)
    if b.depthwise:
        return w.reshape(-1, channels, w.shape[-1] // channels).transpose(1, 0, 2).reshape(
            1, channels, -1)
    rows = w.reshape(w.shape[0], -1, channels).transpose(0, 2, 1)  # (out_c, C, taps)
    return np.asarray(rows / np.maximum(np.abs(rows).max((1, 2), keepdims=True), 1e-30))


def _noise(b: MacView, taps: Factors, s: Factors, power: Factors, bits: int) -> float:
    """Predicted square error of the outputs, in squares of the widest activation channel.

    Activations err by one 255th of the widest channel, weights by one 127th (8 bits) of their
    row's largest; a depthwise layer has a scale for each channel, its weights do not care.
    """
    scaled = taps * s[:, None]
    activation = float((scaled**2).sum()) / 255.0**2
    if b.depthwise:
        return activation
    largest = np.abs(scaled).max((1, 2))  # (rows,)
    reach = float((power / s**2).sum()) * taps.shape[2]
    rounding = float((largest**2).sum()) * reach / largest_level(bits)**2
    return float(activation + rounding)


def _within_clip(s: Factors, seen: Factors, act: Act, done: Factors) -> Factors:
    """`s` limited so that ReLU6 cuts the same observed values before and after."""
    if act is not Act.RELU6:
        return s
    least = seen * CLIP_MARGIN / 6.0  # below it, the cut at 6 would reach observed values
    free = seen * done * CLIP_MARGIN < 6.0  # the original values stay clear of the cut
    return np.where(free, np.maximum(s, least), 1.0)


def _rescaled(g: Graph, pair: Pair, a: MacView, b: MacView, s: Factors) -> Graph:
    """`g` with channel c of pair.first divided by s[c] and pair.second's reading multiplied."""
    w1, b1 = a.scaled_out(1.0 / s)
    w2 = b.scaled_in(s)
    return g.with_tensors(_const(pair.first.ins[1], w1), _const(pair.first.ins[2], b1),
                          _const(pair.second.ins[1], w2))


def _const(name: str, data: NDArray[np.floating]) -> Tensor:
    return Tensor(name, data.shape, np.asarray(data, np.float32))
