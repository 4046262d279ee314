"""Layers of signs (-d, 0, d) with 1-bit weights: XOR and counted bits instead of products.

Portable C, which serves the Cortex-M cores without Helium too, and NEON. Both keep two bits a
value, sign and "not 0", so that zeros and padding are exact. The layout of bits is eq_bits.h's.
Source of XOR and popcount for +-1: Rastegari et al. 2016 (XNOR-Net), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.conv2d_mve import column_rows

_LAYOUT = "a channel: d * |w| int32, signs by words of 32"
_LAYOUT_NEON = "4 channels: d * |w|, bias, mult, shift int32[4] each, signs (steps, 4, 128)"


def _words(layer: MacLayer) -> int:
    """Pairs of words of a pixel."""
    return layer.kw * layer.kh * -(-layer.in_c // 32)


def _rows(layer: MacLayer) -> NDArray[np.uint32]:
    """Signs (out_c, words), a bit for what is negative: value 4 * i + j has bit 8 * j + i."""
    flat = column_rows(layer) if layer.weights.ndim == 4 else layer.weights
    taps = (flat < 0).reshape(layer.out_c, -1, layer.in_c)
    taps = np.pad(taps, ((0, 0), (0, 0), (0, -layer.in_c % 32)))
    bits = taps.reshape(layer.out_c, -1, 8, 4).transpose(0, 1, 3, 2).reshape(layer.out_c, -1)
    return np.packbits(bits, axis=1, bitorder="little").view("<u4")


def _factors(layer: MacLayer) -> NDArray[np.int32]:
    """d * |w| of each channel."""
    size = np.abs(layer.weights.reshape(layer.out_c, -1).astype(np.int32))
    return np.asarray(size.max(1) * layer.signs, np.int32)


def _pack(layer: MacLayer) -> NDArray[np.int8]:
    factors = _factors(layer).astype("<u4")[:, None]
    return np.concatenate([factors, _rows(layer)], 1).reshape(-1).view(np.int8)


def _pack_neon(layer: MacLayer) -> NDArray[np.int8]:
    tables = (_factors(layer), layer.bias, layer.mult, layer.shift.astype(np.int32))
    rows, blocks = _rows(layer), -(-layer.out_c // 4)
    head = np.zeros((4, blocks * 4), "<i4")
    head[:, :layer.out_c] = tables
    signs = np.zeros((blocks * 4, -(-rows.shape[1] // 4) * 4), "<u4")
    signs[:rows.shape[0], :rows.shape[1]] = rows
    by_block = head.reshape(4, blocks, 4).transpose(1, 0, 2).reshape(blocks, -1).view("<u4")
    by_step = signs.reshape(blocks, 4, -1, 4).transpose(0, 2, 1, 3).reshape(blocks, -1)
    return np.concatenate([by_block, by_step], 1).reshape(-1).view(np.int8)


def _strip(layer: MacLayer) -> int:
    """Bytes of the strip of a row of pixels, or of the bits of a dense layer's input."""
    columns = (layer.out_w - 1) * layer.stride_w + layer.kw
    return 8 * columns * (_words(layer) // layer.kw)


def _with_vectors(layer: MacLayer) -> int:
    """The strip, beside it the vectors of a pixel and what is read behind the strip."""
    return _strip(layer) + 32 * -(-_words(layer) // 4) + 24


def _overlap(layer: MacLayer) -> int:
    """The rows of a row of pixels are in the strip before it is written."""
    below = 0
    for oy in range(1, layer.out_h):
        first = max(0, oy * layer.stride_h - layer.pad_top)
        left = min(first, layer.in_h) * layer.in_w * layer.in_c
        below = max(below, oy * layer.out_w * layer.out_c - left)
    return below


def _fits(layer: MacLayer, target: Target) -> bool:
    """One factor a channel; adjacent columns, so that the taps of a pixel lie together."""
    return layer.run == 0 and layer.dil_w == 1


@dataclass(frozen=True)
class _Cost:
    """Instructions of an output, from tests/bench/signs.py, by what they grow with."""

    word: float  # each word of weights
    beside: float  # and beside them, beyond those of an int8 loop
    pack: float  # making a pair, shared by all channels; twice that where 32 are not whole
    conv: float  # each product of the int8 loop of a convolution with 1-bit weights
    dense: float  # and of that of a dense layer

    def pays(self, layer: MacLayer) -> bool:
        """True where bits take fewer instructions."""
        words, products = _words(layer), layer.kh * layer.kw * layer.in_c
        partial = 2 if layer.in_c % 32 else 1
        packing = self.pack * partial * words * layer.stride_w / (layer.kw * layer.out_c)
        other = (self.conv if layer.weights.ndim == 4 else self.dense) * products
        return self.word * words + self.beside + packing < other


_V7M = _Cost(word=16, beside=80, pack=90, conv=1.9, dense=12)
_PORTABLE = {
    "dsp": _Cost(word=16, beside=80, pack=90, conv=1.1, dense=6.5), "v7m": _V7M,
    "v6m": _Cost(word=19, beside=215, pack=120, conv=3.3, dense=17), "c": _V7M,
}
_NEON = {
    "neon_dot": _Cost(word=1.7, beside=9, pack=36, conv=0.25, dense=0.7),
    "neon": _Cost(word=1.7, beside=9, pack=36, conv=0.37, dense=0.85),
}


def _kernels(func: str, headers: tuple[str, ...],
             overlap: Callable[[MacLayer], int | None]) -> tuple[MacKernel, ...]:
    portable = tuple(MacKernel(
        func=func, isa=isa, source=f"ops/{func}.c", fits=_fits, pays=cost.pays, pack=_pack,
        layout=_LAYOUT, scratch=_strip, headers=headers, overlap=overlap, weight_bits=1,
        factors=True, signs=True)
        for isa, cost in _PORTABLE.items())
    neon = tuple(MacKernel(
        func=f"{func}_neon", isa=isa, source=f"kernels/{func}_neon.c", fits=_fits,
        pays=cost.pays, pack=_pack_neon, layout=_LAYOUT_NEON, scratch=_with_vectors,
        headers=("kernels/eq_neon_bits.h", "kernels/eq_neon.h", *headers), own_tables=True,
        overlap=overlap, weight_bits=1, factors=True, signs=True)
        for isa, cost in _NEON.items())
    return (*portable, *neon)


CONV2D = _kernels("eq_conv2d_s8b", ("ops/eq_conv_bits.h", "ops/eq_bits.h"), _overlap)
DENSE = _kernels("eq_dense_s8b", ("ops/eq_bits.h",), lambda layer: None)
