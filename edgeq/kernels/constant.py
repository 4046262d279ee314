"""Channels whose output is the same for every input, rewritten so that every epilogue takes them.

Pruned or dead channels come from converters with weights of zero, a bias of up to 2**30 and any
scale; left alone, one of them would send a whole layer to the portable kernel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer, MacTables
from edgeq.requant import requantize, requantize_wide


def plain_constants(layer: MacLayer) -> MacLayer:
    """The same function of the input; constant channels have zero weights and a small bias.

    For such a channel with output out_zero + v the multiplier is 2**30 (a half), the right shift n
    and the bias 2**(n + 1) v, n = 1 for 8-bit and 2 for 16-bit activations.
    """
    first, last = (_outputs(layer, acc) for acc in _accumulators(layer))
    constant = first == last  # requantization is monotonic
    if not constant.any():
        return layer
    keep = ~constant
    weights = layer.weights * (keep if layer.weights.ndim == 3 else _column(keep, layer))
    value, right = first - layer.out_zero, 2 if layer.act_bits == 16 else 1
    return replace(
        layer, weights=weights.astype(np.int8),
        bias=np.where(constant, value << right + 1, layer.bias).astype(np.int32),
        mult=np.where(constant, 1 << 30, layer.mult).astype(np.int32),
        shift=np.where(constant, -right, layer.shift).astype(np.int8))


def with_plain_constants(kernel: MacKernel) -> MacKernel:
    """`kernel` for layers that `plain_constants` has rewritten."""
    def fits(layer: MacLayer, target: Target) -> bool:
        return kernel.fits(plain_constants(layer), target)

    def pack(layer: MacLayer) -> NDArray[np.int8]:
        return kernel.pack(plain_constants(layer))

    def tables(layer: MacLayer) -> MacTables:
        return kernel.tables(plain_constants(layer))

    return replace(kernel, fits=fits, pack=pack, tables=tables)


def _column(keep: NDArray[np.bool_], layer: MacLayer) -> NDArray[np.bool_]:
    return keep.reshape(-1, *[1] * (layer.weights.ndim - 1))


def _accumulators(layer: MacLayer) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Least and largest accumulator of every channel over all inputs, (out_c,) each."""
    w = layer.weights.astype(np.int64)
    axes = tuple(range(w.ndim - 1)) if w.ndim == 3 else tuple(range(1, w.ndim))
    pos, neg = np.maximum(w, 0).sum(axes), np.minimum(w, 0).sum(axes)
    bias, top = layer.bias.astype(np.int64), (1 << (layer.act_bits - 1)) - 1
    return pos * ~top + neg * top + bias, pos * top + neg * ~top + bias


def _outputs(layer: MacLayer, acc: NDArray[np.int64]) -> NDArray[np.int64]:
    if layer.act_bits == 16:
        return np.clip(requantize_wide(acc, layer.mult, layer.shift), layer.act_min, layer.act_max)
    limit = (1 << 31) - 1 >> np.maximum(layer.shift.astype(np.int64), 0)  # the generator's proof
    y = requantize(np.clip(acc, -limit, limit), layer.mult, layer.shift) + layer.out_zero
    return np.clip(y, layer.act_min, layer.act_max)
