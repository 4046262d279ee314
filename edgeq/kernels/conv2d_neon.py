"""Convolutions for NEON: base (SMULL/SMLAL), dot product (SDOT), matrix multiply (SMMLA).

All three take k = kh * kw * in_c padded with zero weights to a multiple of 16 and work on tiles of
4 pixels. 1x1 kernels read pixels where they lie; others copy the input columns under
one output column into scratch, where the patches of all its rows are contiguous.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer, MacTables

BAND = 8  # output rows that share a strip where the output runs into the input; eq_neon_conv.h


def right_shifts_only(layer: MacLayer) -> bool:
    """All multipliers are at most 1, so that requantization never shifts left."""
    return int(layer.shift.max()) <= 0


def with_left_shifts(kernel: MacKernel) -> MacKernel:
    """The variant of `kernel` in eq_<op>_left_s8_<isa>.c, which takes any shift."""
    def fits(layer: MacLayer, target: Target) -> bool:
        return kernel.fits(replace(layer, shift=np.minimum(layer.shift, 0)), target)

    func = kernel.func.replace("_s8", "_left_s8")
    return replace(kernel, func=func, source=f"kernels/{func}.c", fits=fits)


def padded_rows(layer: MacLayer, group: int) -> NDArray[np.int8]:
    """Weights as (out_c rounded up to group, k rounded up to 16), zeros beyond."""
    rows = layer.weights.reshape(layer.out_c, -1)
    k = -(-rows.shape[1] // 16) * 16
    padded = np.zeros((-(-layer.out_c // group) * group, k), np.int8)
    padded[: rows.shape[0], : rows.shape[1]] = rows
    return padded


def padded_tables(layer: MacLayer, group: int) -> MacTables:
    """Bias, multiplier and shift, zeros up to a whole group of channels."""
    pad = (0, -layer.out_c % group)
    return MacTables(np.pad(layer.bias, pad), np.pad(layer.mult, pad), np.pad(layer.shift, pad))


def tables8(layer: MacLayer) -> MacTables:
    """For blocks of 8 channels."""
    return padded_tables(layer, 8)


def tables16(layer: MacLayer) -> MacTables:
    """For blocks of 16 channels."""
    return padded_tables(layer, 16)


def pack_rows16(layer: MacLayer) -> NDArray[np.int8]:
    """(out_c/4, k/16, 4, 16): 16 k of each of 4 channels side by side; out_c rounded up to 8."""
    rows = padded_rows(layer, 8)
    return rows.reshape(rows.shape[0] // 4, 4, -1, 16).transpose(0, 2, 1, 3).reshape(-1)


def pack_dot(layer: MacLayer) -> NDArray[np.int8]:
    """(out_c/16, k/16, 4, 4, 4, 4): for each quarter of 16 channels, 4 vectors of 4 c x 4 k."""
    rows = padded_rows(layer, 16)
    split = rows.reshape(rows.shape[0] // 16, 4, 4, rows.shape[1] // 16, 4, 4)
    return split.transpose(0, 3, 1, 4, 2, 5).reshape(-1)


def pack_pairs(layer: MacLayer) -> NDArray[np.int8]:
    """(out_c/16, k/16, 8, 2, 2, 8): for each pair of channels, 8 k of both, then the next 8 k."""
    rows = padded_rows(layer, 16)
    split = rows.reshape(rows.shape[0] // 16, 8, 2, rows.shape[1] // 16, 2, 8)
    return split.transpose(0, 3, 1, 4, 2, 5).reshape(-1)


def _blocks16(layer: MacLayer, weights: NDArray[np.int8], n: int) -> NDArray[np.int8]:
    """For each 16 channels: bias, weights, then mult and shift of n channels (4 words) at a time.

    n = 4, or 2: then pairs are repeated, c0 c1 c0 c1, as SMMLA orders its results.
    """
    t = tables16(layer)
    blocks = t.bias.size // 16

    def words(table: NDArray[np.integer]) -> NDArray[np.int32]:
        groups = table.astype("<i4").reshape(blocks, 16 // n, 1, n)
        return np.tile(groups, (1, 1, 1, 4 // n))  # (blocks, groups, 1, 4)

    factors = np.concatenate([words(t.mult), words(t.shift)], axis=2)
    parts = (words(t.bias).reshape(blocks, -1).view(np.int8), weights.reshape(blocks, -1),
             factors.reshape(blocks, -1).view(np.int8))
    return np.concatenate(parts, axis=1).reshape(-1)


def pack_i8mm_blocks(layer: MacLayer) -> NDArray[np.int8]:
    """Blocks of 16 channels for SMMLA."""
    return _blocks16(layer, pack_pairs(layer), 2)


def pack_dot_blocks(layer: MacLayer) -> NDArray[np.int8]:
    """Blocks of 16 channels for SDOT."""
    return _blocks16(layer, pack_dot(layer), 4)


def _fits_base(layer: MacLayer, target: Target) -> bool:
    return right_shifts_only(layer) and int(layer.weights.min()) >= -127


def _fits(layer: MacLayer, target: Target) -> bool:
    return right_shifts_only(layer)


def _one_tap(layer: MacLayer) -> bool:
    """1x1 of any stride, all of it inside the input."""
    return ((layer.kh, layer.kw, layer.pad_top, layer.pad_left) == (1, 1, 0, 0)
            and (layer.out_h - 1) * layer.stride_h < layer.in_h
            and (layer.out_w - 1) * layer.stride_w < layer.in_w)


def _in_place(layer: MacLayer) -> bool:
    """A strip of columns keeps what is still needed of those that are already written."""
    return (not _one_tap(layer)
            and (layer.stride_h, layer.stride_w, layer.dil_h, layer.dil_w) == (1, 1, 1, 1)
            and (layer.in_h, layer.in_w, layer.in_c) == (layer.out_h, layer.out_w, layer.out_c)
            and layer.in_c % 16 == 0)


def _strip_bytes(layer: MacLayer) -> int:
    """Scratch: four patches or, but for 1x1, a strip where rows are not dilated."""
    row = layer.kw * layer.in_c
    patches = 4 * (-(-layer.kh * row // 16) * 16)
    if _one_tap(layer):
        return patches
    rows = (layer.out_h - 1) * layer.stride_h + layer.kh
    strip = rows * row + 16 if layer.dil_h == layer.dil_w == 1 else 0
    return max(strip, patches) + 16


def _overlap(layer: MacLayer) -> int | None:
    """1x1: four pixels are copied ahead; else a band's rows are read until it is written."""
    if (layer.dil_h, layer.dil_w) != (1, 1) or _in_place(layer):
        return None
    if _one_tap(layer):
        pixel = np.arange(4, layer.out_h * layer.out_w, 4)  # the first of every tile but one
        oy, ox = np.divmod(pixel, layer.out_w)
        kept = (oy * layer.stride_h * layer.in_w + ox * layer.stride_w) * layer.in_c
        return max(0, int((pixel * layer.out_c - kept).max(initial=0)))
    first = np.arange(0, layer.out_h, BAND)  # output row
    written = np.minimum(first + BAND, layer.out_h) * layer.out_w * layer.out_c
    kept = np.maximum(0, first * layer.stride_h - layer.pad_top) * layer.in_w * layer.in_c
    return max(0, int((written - kept).max()))


_COMMON = ("kernels/eq_neon.h", "kernels/eq_neon_conv.h")
_BLOCKS = (*_COMMON, "kernels/eq_neon_out16.h", "kernels/eq_neon_block16.h")

_RIGHT = (
    MacKernel(
        func="eq_conv2d_s8_neon_i8mm", isa="neon_i8mm", source="kernels/eq_conv2d_s8_neon_i8mm.c",
        fits=_fits, own_tables=True, pack=pack_i8mm_blocks,
        layout="16 channels at a time: bias by pairs, (k/16, 8, 2, 2, 8), mult and shift by pairs",
        scratch=_strip_bytes, overlap=_overlap, overlap_costs=True, in_place=_in_place,
        headers=(*_BLOCKS, "kernels/eq_neon_conv_i8mm.h"),
    ),
    MacKernel(
        func="eq_conv2d_s8_neon_dot", isa="neon_dot", source="kernels/eq_conv2d_s8_neon_dot.c",
        fits=_fits, own_tables=True, pack=pack_dot_blocks,
        layout="16 channels at a time: bias, (k/16, 4, 4, 4, 4), mult and shift by fours",
        scratch=_strip_bytes, overlap=_overlap, overlap_costs=True, in_place=_in_place,
        headers=(*_BLOCKS, "kernels/eq_neon_conv_dot.h"),
    ),
    MacKernel(
        func="eq_conv2d_s8_neon", isa="neon", source="kernels/eq_conv2d_s8_neon.c",
        fits=_fits_base, tables=tables8, pack=pack_rows16,
        layout="(out_c/4, k/16, 4, 16), zero padded",
        scratch=_strip_bytes, overlap=_overlap, overlap_costs=True, in_place=_in_place,
        headers=(*_COMMON, "kernels/eq_neon_tile.h", "kernels/eq_neon_conv_base.h"),
    ),
)
KERNELS = (*_RIGHT, *(with_left_shifts(kernel) for kernel in _RIGHT))
