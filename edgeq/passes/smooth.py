"""SmoothQuant: scale moves from an activation's channels into the weights of all its readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, Tensor
from edgeq.layers import Channels, MacView, act_of, is_mac, mac_view
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.layer_norm import LayerNorm

Factors = NDArray[np.float64]

_STRENGTHS = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # alpha of the paper
_MOST = 1e3  # factors stay in [1 / _MOST, _MOST]


@dataclass(frozen=True, eq=False)
class Chain:
    """An activation whose channels may be rescaled: `maker` writes it, `readers` alone read it."""

    name: str
    maker: Op
    readers: tuple[Conv2D | Dense, ...]


def chains(g: Graph) -> tuple[Chain, ...]:
    """Every activation that only layers with weights read, and whose maker can take factors.

    A single layer between two others is left to equalize.py, which knows ReLU6 and pools, too.
    """
    found = []
    for op in g.ops:
        name = op.outs[0]
        readers = _readers(g, name)
        alone = is_mac(op) and len(readers) == 1
        ones = np.ones(g.tensor(name).shape[-1]) if g.tensor(name).shape else np.ones(1)
        if readers and not alone and folded(g, op, ones) is not None:
            found.append(Chain(name, op, readers))
    return tuple(found)


def _readers(g: Graph, name: str) -> tuple[Conv2D | Dense, ...]:
    """The layers that read `name`, through views; () where anything else does."""
    if name in g.outs or not g.tensor(name).shape:
        return ()
    channels, found = g.tensor(name).shape[-1], list[Conv2D | Dense]()
    for op in g.consumers(name):
        if isinstance(op, Conv2D | Dense):
            if op.ins[0] != name or mac_view(g, op).in_c != channels:
                return ()
            found.append(op)
        elif op.is_view and g.tensor(op.outs[0]).shape[-1:] == (channels,):
            behind = _readers(g, op.outs[0])
            if not behind:
                return ()
            found.extend(behind)
        else:
            return ()
    return tuple(found)


def folded(g: Graph, op: Op, factor: Factors) -> dict[str, Tensor] | None:
    """New constants that multiply channel c of the output of `op` by factor[c] > 0.

    None where that cannot be: the channels of a normalization, of a layer in front of none or
    ReLU, and of products and sums with a constant for each channel can be scaled.
    """
    if act_of(op) not in (Act.NONE, Act.RELU):
        return None
    if isinstance(op, LayerNorm):
        return _scaled(g, op.ins[1:], factor)
    if is_mac(op):
        w, b = mac_view(g, op).scaled_out(factor)
        return {n: Tensor(n, x.shape, x) for n, x in zip(op.ins[1:3], (w, b), strict=True)}
    if not isinstance(op, Add | Mul):
        return None
    consts = [n for n in op.ins if g.tensor(n).is_const]
    if len(consts) != 1:
        return None
    changed = _scaled(g, consts, factor)
    if isinstance(op, Mul) or changed is None:
        return changed
    other = next(n for n in op.ins if n not in consts)
    maker = g.producer(other)
    if maker is None or len(g.consumers(other)) != 1 or other in g.outs:
        return None
    before = folded(g, maker, factor)
    return None if before is None else changed | before


def _scaled(g: Graph, names: tuple[str, ...] | list[str],
            factor: Factors) -> dict[str, Tensor] | None:
    """Constants of one value a channel, multiplied; None for others or shared ones."""
    changed = {}
    for name in names:
        old = np.asarray(g.const(name), np.float64)
        if old.size != factor.size or old.shape[-1] != factor.size or len(g.consumers(name)) != 1:
            return None
        changed[name] = Tensor(name, old.shape, np.asarray(old * factor, np.float32))
    return changed


def smooth(g: Graph, channels: Mapping[str, Channels], bits: Mapping[str, int]) -> Graph:
    """An equal float graph whose `chains` quantize better (Xiao et al. 2023).

    `channels` are statistics of `g`, `bits` those of the weights by layer (8 where not named).
    The strength of each chain is the one that leaves the least predicted noise.
    """
    for chain in chains(g):
        seen = channels[chain.name]
        magnitude = np.maximum(np.abs(seen.low), np.abs(seen.high))
        views = [mac_view(g, op) for op in chain.readers]
        widths = [bits.get(op.name, 8) for op in chain.readers]
        tried = [smoothing(magnitude, views, alpha) for alpha in _STRENGTHS]
        s = min(tried, key=lambda s: noise(magnitude, seen.power, views, widths, s))
        changed = folded(g, chain.maker, 1.0 / s)
        assert changed is not None, "chains have makers that take factors"
        for view in views:
            w = view.op.ins[1]
            changed[w] = Tensor(w, view.weight.shape, view.scaled_in(s))
        g = g.with_tensors(*changed.values())
    return g


def smoothing(magnitude: Factors, views: list[MacView], alpha: float) -> Factors:
    """s = max|X|**alpha / max|W|**(1 - alpha) for each channel (equation 4), X / s and s W.

    The largest weight over all readers counts. 1 for channels without values or weights.
    """
    need = np.max([v.in_range(magnitude.size) for v in views], axis=0)
    alive = (magnitude > 0) & (need > 0)
    if alpha == 0.0 or not alive.any():
        return np.ones_like(magnitude)
    s = np.where(alive, magnitude, 1.0) ** alpha / np.where(alive, need, 1.0) ** (1 - alpha)
    middle = np.exp(np.log(s[alive]).mean())  # a factor of all channels changes nothing
    return np.where(alive, np.clip(s / middle, 1 / _MOST, _MOST), 1.0)


def noise(magnitude: Factors, power: Factors, views: list[MacView], bits: list[int],
          s: Factors) -> float:
    """Predicted square error of the readers' outputs over their power, for factors `s`.

    Activations err by a step of the widest channel, weights by a step of their row's largest.
    """
    total = 0.0
    for view, width in zip(views, bits, strict=True):
        rows = np.asarray(view.weight.reshape(len(view.weight), -1, s.size), np.float64)
        signal = float((rows**2 * power).sum())
        scaled = rows * s
        act_step = 2 * float((magnitude / s).max()) / 255
        weight_steps = np.abs(scaled).max((1, 2)) / largest_level(width)  # (out,)
        reach = float((power / s**2).sum()) * rows.shape[1]
        error = (float((scaled**2).sum()) * act_step**2 + float((weight_steps**2).sum()) * reach)
        total += error / max(12 * signal, 1e-30)
    return total


def largest_level(bits: int) -> int:
    """The largest integer of symmetric weights of `bits`; with one bit they are -1 and 1."""
    return max((1 << (bits - 1)) - 1, 1)
