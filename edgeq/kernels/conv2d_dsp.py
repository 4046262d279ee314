"""Cortex-M DSP conv2d: packed weight streams for runtime_c/kernels/eq_gemm3_s8_dsp.c."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants

LAYOUT = ("a stream for every 2 channels: words of 4 k by turns, twice the bias[2], mult[2], "
          "shifts - 1; a word is two halfwords 256 * odd + even")
_GEMM3 = ("kernels/eq_gemm3_dsp.h", "kernels/eq_gemm_dsp.h")
SHARED = ("kernels/eq_gemm3_s8_dsp.c", *_GEMM3)
_SHALLOW = "kernels/eq_conv_shallow_dsp.h"


def twice_bias(layer: MacLayer, rows: NDArray[np.int8]) -> NDArray[np.int32]:
    """Twice the bias, less what inputs that come as odd + 129 and even + 1 add; rows (out_c, k)."""
    wide = rows.astype(np.int64)
    extra = 129 * wide[:, 1::2].sum(1) + wide[:, 0::2].sum(1)
    twice = np.asarray(2 * (layer.bias - extra), np.int64)
    assert int(np.abs(twice).max()) < 1 << 31
    return twice.astype(np.int32)


def sums_fit(rows: NDArray[np.int8]) -> bool:
    """True where 256 times the sum over odd + 129 and even + 1 fits 32 bits for all inputs."""
    pos, neg = np.maximum(rows, 0).astype(np.int64), np.minimum(rows, 0).astype(np.int64)
    odd_pos, odd_neg = pos[:, 1::2].sum(1), neg[:, 1::2].sum(1)
    even_pos, even_neg = pos[:, 0::2].sum(1), neg[:, 0::2].sum(1)
    high = 256 * odd_pos + odd_neg + 128 * even_pos - 127 * even_neg
    low = odd_pos + 256 * odd_neg - 127 * even_pos + 128 * even_neg
    return int(high.max()) < 1 << 23 and int(low.min()) >= -(1 << 23)


def weight_words(rows: NDArray[np.int8]) -> NDArray[np.uint32]:
    """(out_c, k / 4) words of two halfwords 256 * w[odd] + w[even]; k is filled up with zeros."""
    out_c, k = rows.shape
    padded = np.zeros((out_c, -(-k // 4) * 4), np.int32)
    padded[:, :k] = rows
    halves = 256 * padded[:, 1::2] + padded[:, 0::2]
    assert int(np.abs(halves).max(initial=0)) < 1 << 15
    return np.ascontiguousarray(halves.astype("<i2")).view("<u4")


def right_shifts(layer: MacLayer) -> NDArray[np.uint32]:
    """Right shift - 1 of every channel; a multiplier of 0 may have any."""
    return np.where(layer.mult == 0, 0, -layer.shift.astype(np.int32) - 1).astype(np.uint32)


def only_right_shifts(layer: MacLayer) -> bool:
    """True where every channel shifts right by 1 or more, as the epilogue of the C files does."""
    return bool(np.all((layer.shift < 0) | (layer.mult == 0)))


def fits_dsp(layer: MacLayer, target: Target) -> bool:
    """True where the weights fit their halfwords and the scaled sums 32 bits."""
    return (bool(layer.weights.min() >= -127) and only_right_shifts(layer)
            and layer.acc_bound < 1 << 29 and sums_fit(layer.weights.reshape(layer.out_c, -1)))


def pack_stream(layer: MacLayer) -> NDArray[np.int8]:
    """The weight stream of eq_gemm3_s8_dsp; out_c is even."""
    rows = layer.weights.reshape(layer.out_c, -1)
    pairs = layer.out_c // 2
    words = weight_words(rows)
    shift = right_shifts(layer).reshape(pairs, 2)
    parts = (
        words.reshape(pairs, 2, -1).transpose(0, 2, 1).reshape(pairs, -1),
        twice_bias(layer, rows).view("<u4").reshape(pairs, 2),
        layer.mult.astype("<i4").view("<u4").reshape(pairs, 2),
        (shift[:, :1] | shift[:, 1:] << 8),
    )
    return np.concatenate(parts, axis=1).astype("<u4").reshape(-1).view(np.int8)


def _pack_left(layer: MacLayer) -> NDArray[np.int8]:
    """The weight stream of eq_gemm3_left_s8_dsp."""
    left = np.maximum(layer.shift.astype(np.int64), 0)
    right = np.maximum(-layer.shift.astype(np.int64), 0)
    shifted = pack_stream(replace(layer, shift=np.full(layer.out_c, -1, np.int8)))
    words = shifted.view("<u4").reshape(layer.out_c // 2, -1).copy()
    twice = words[:, -5:-3].view("<i4").astype(np.int64) << left.reshape(-1, 2)
    words[:, -5:-3] = (twice & 0xFFFFFFFF).astype("<u4")
    pairs = np.stack([right[0::2], right[1::2], 7 - left[0::2], 7 - left[1::2]], axis=1)
    words[:, -1] = pairs.astype(np.uint8).view("<u4").reshape(-1)
    return words.reshape(-1).view(np.int8)


def _fits_left(layer: MacLayer, target: Target) -> bool:
    """Any shift up to 7 to the left, as far as sums stay small behind it."""
    return (bool(layer.weights.min() >= -127) and int(layer.shift.max()) <= 7
            and layer.sums_below(29) and layer.out_c % 2 == 0
            and sums_fit(layer.weights.reshape(layer.out_c, -1)))


def _scratch_shallow(layer: MacLayer) -> int:
    return scratch_3px(layer) + 3 * (_patch_bytes(layer) + 4)


def scratch_3px(layer: MacLayer) -> int:
    """Three widened pixels."""
    return -(-layer.kh * layer.kw * layer.in_c // 4) * 24


def _fits_1x1(layer: MacLayer, target: Target) -> bool:
    return (fits_dsp(layer, target) and layer.pointwise
            and layer.in_c % 4 == 0 and layer.out_c % 2 == 0)


def _patch_bytes(layer: MacLayer) -> int:
    return -(-layer.kh * layer.kw * layer.in_c // 4) * 4


def overlap_patches(layer: MacLayer, block: int) -> int:
    """Least distance where `block` patches at a time are in scratch before they are written."""
    ends = range(block, layer.out_h * layer.out_w, block)
    return max((0, *(end * layer.out_c - _first_unread(layer, end) for end in ends)))


def overlap_direct(layer: MacLayer) -> int:
    """Least distance where a pixel is written while its window is read."""
    pixels = range(layer.out_h * layer.out_w)
    return max(0, *((t + 1) * layer.out_c - _first_unread(layer, t) for t in pixels))


def _first_unread(layer: MacLayer, pixel: int) -> int:
    """Offset of the first input byte that output pixel number `pixel` or a later one reads."""
    oy, ox = divmod(pixel, layer.out_w)
    row = layer.in_w * layer.in_c
    y, x = (max(0, at) for at in (oy * layer.stride_h - layer.pad_top,
                                  ox * layer.stride_w - layer.pad_left))
    below = max(0, (oy + 1) * layer.stride_h - layer.pad_top) * row
    here = y * row + x * layer.in_c
    return min(here, below) if oy + 1 < layer.out_h else here


def _overlap(layer: MacLayer) -> int:
    return overlap_patches(layer, 3)


KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_conv2d_1x1_s8_dsp", isa="dsp", source="kernels/eq_conv2d_1x1_s8_dsp.c",
        fits=_fits_1x1, pack=pack_stream, layout=LAYOUT, scratch=scratch_3px,
        headers=SHARED, own_tables=True, overlap=_overlap,
    ),
    MacKernel(
        func="eq_conv2d_s8_dsp", isa="dsp", source="kernels/eq_conv2d_s8_dsp.c",
        fits=lambda layer, target: (fits_dsp(layer, target) and layer.in_c % 4 == 0
                                    and layer.out_c % 2 == 0),
        pack=pack_stream, layout=LAYOUT,
        scratch=lambda layer: scratch_3px(layer) + layer.in_c,
        headers=SHARED, own_tables=True, overlap=_overlap,
    ),
    MacKernel(
        func="eq_conv2d_shallow_s8_dsp", isa="dsp", source="kernels/eq_conv2d_shallow_s8_dsp.c",
        fits=lambda layer, target: fits_dsp(layer, target) and layer.out_c % 2 == 0,
        pack=pack_stream, layout=LAYOUT,
        scratch=_scratch_shallow,
        headers=(_SHALLOW, *SHARED), own_tables=True, overlap=_overlap,
    ),
    MacKernel(
        func="eq_conv2d_left_s8_dsp", isa="dsp", source="kernels/eq_conv2d_left_s8_dsp.c",
        fits=_fits_left, pack=_pack_left, scratch=_scratch_shallow,
        layout=f"{LAYOUT}; the bias times 2^left, right shifts and 7 - left shifts",
        headers=(_SHALLOW, "kernels/eq_gemm3_left_s8_dsp.c", *_GEMM3),
        own_tables=True, overlap=_overlap,
    ),
))
