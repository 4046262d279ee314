"""Cortex-M3 conv2d: packed weight streams for runtime_c/kernels/eq_gemm4_s8_v7m.c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import only_right_shifts, overlap_patches, right_shifts


def padded_rows(layer: MacLayer) -> NDArray[np.int8]:
    """(out_c, k) filled up with zeros to a multiple of 4."""
    rows = layer.weights.reshape(layer.out_c, -1)
    padded = np.zeros((layer.out_c, -(-rows.shape[1] // 4) * 4), np.int8)
    padded[:, : rows.shape[1]] = rows
    return padded


def _pack(layer: MacLayer, *shifts: NDArray[np.uint32]) -> NDArray[np.int8]:
    """For every channel: bias, weights filled up to a multiple of 4, mult, `shifts`."""
    parts = (
        layer.bias.astype("<i4").view("<u4")[:, None],
        padded_rows(layer).view("<u4"),
        layer.mult.astype("<i4").view("<u4")[:, None],
        *(each[:, None] for each in shifts),
    )
    return np.concatenate(parts, axis=1).astype("<u4").reshape(-1).view(np.int8)


def pack_stream(layer: MacLayer) -> NDArray[np.int8]:
    """For every channel: bias, weights filled up to a multiple of 4, mult, right shift - 1."""
    return _pack(layer, right_shifts(layer))


def pack_left_stream(layer: MacLayer) -> NDArray[np.int8]:
    """The same with right shift and left shift + 1 at the end."""
    return _pack(layer, *both_shifts(layer))


def both_shifts(layer: MacLayer) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Right shift and left shift + 1 of every channel."""
    shift = layer.shift.astype(np.int32)
    return np.maximum(-shift, 0).astype(np.uint32), (np.maximum(shift, 0) + 1).astype(np.uint32)


def narrow_pairs(layer: MacLayer) -> bool:
    """True where any two neighbouring products of a pixel sum up within 16 bits."""
    rows = np.abs(layer.weights.reshape(layer.out_c, -1).astype(np.int32))
    pairs = rows[:, : rows.shape[1] // 2 * 2].reshape(layer.out_c, -1, 2).sum(2)
    return int(pairs.max(initial=0)) <= 255


def fits_pairs(layer: MacLayer, target: Target) -> bool:
    """True for narrow pairs and right shifts of 1 or more."""
    return narrow_pairs(layer) and only_right_shifts(layer) and layer.acc_bound < 1 << 30


def patches_bytes(layer: MacLayer) -> int:
    """Four widened patches and one pixel of padding (eq_conv_patches.h)."""
    return -(-layer.kh * layer.kw * layer.in_c // 4) * 32 + layer.in_c


def overlap(layer: MacLayer) -> int:
    """Four patches are in scratch before their outputs are written."""
    return overlap_patches(layer, 4)


_HEADERS = ("kernels/eq_conv_v7m.h", "kernels/eq_gemm4_v7m.h", "kernels/eq_gemm_v7m.h",
            "kernels/eq_conv_patches.h")
KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_conv2d_s8_v7m", isa="v7m", source="kernels/eq_conv2d_s8_v7m.c",
        fits=fits_pairs, pack=pack_stream,
        layout="a stream for every channel: bias, weights in (kh, kw, in_c), mult, shift - 1",
        scratch=patches_bytes,
        headers=("kernels/eq_gemm4_s8_v7m.c", *_HEADERS), own_tables=True, overlap=overlap,
    ),
    MacKernel(
        func="eq_conv2d_left_s8_v7m", isa="v7m", source="kernels/eq_conv2d_left_s8_v7m.c",
        fits=lambda layer, target: narrow_pairs(layer) and layer.sums_below(30),
        pack=pack_left_stream,
        layout="a stream for every channel: bias, weights in (kh, kw, in_c), mult, shift, left + 1",
        scratch=patches_bytes,
        headers=("kernels/eq_gemm4_left_s8_v7m.c", *_HEADERS), own_tables=True, overlap=overlap,
    ),
))
