"""Depthwise convolutions for NEON: 8 channels at a time out of a ring of padded rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.conv2d_neon import right_shifts_only, tables8, with_left_shifts


def _fits_any(layer: MacLayer, target: Target) -> bool:
    """Of 8 channels that are done at a time, 3 pay already."""
    return layer.out_c >= 3 and right_shifts_only(layer)


def _channels(layer: MacLayer) -> int:
    """Channels in the ring and in the weights."""
    return -(-layer.out_c // 8) * 8


def _pack_any(layer: MacLayer) -> NDArray[np.int8]:
    """(kh, kw, out_c rounded up to 8), zeros beyond."""
    padded = np.zeros((layer.kh * layer.kw, _channels(layer)), np.int8)
    padded[:, :layer.out_c] = layer.weights.reshape(-1, layer.out_c)
    return padded.reshape(-1)


def _ring_bytes(layer: MacLayer) -> int:
    """The padded rows under a window."""
    width = (layer.out_w - 1) * layer.stride_w + (layer.kw - 1) * layer.dil_w + 1
    return ((layer.kh - 1) * layer.dil_h + 1) * width * _channels(layer)


def _overlap(layer: MacLayer) -> int | None:
    """In place where output rows are no longer than the input rows that they replace."""
    same = (layer.in_c == layer.out_c and layer.stride_h == 1 and layer.out_w <= layer.in_w
            and layer.pad_top <= (layer.kh - 1) * layer.dil_h)
    return 0 if same and layer.out_h <= layer.in_h else None


def _fits_dot(layer: MacLayer, target: Target) -> bool:
    return (
        layer.in_c == layer.out_c and layer.out_c % 8 == 0 and layer.dil_h == layer.dil_w == 1
        and right_shifts_only(layer) and (layer.kh, layer.kw) == (3, 3)
        and layer.stride_h == layer.stride_w and layer.stride_w <= 2
    )


def _pair_bytes(layer: MacLayer) -> int:
    """Four padded rows of 8 channels."""
    return 4 * ((layer.out_w - 1) * layer.stride_w + 3) * 8


def _in_place(layer: MacLayer) -> bool:
    """All channels of a block are read ahead of what is written; other blocks are untouched."""
    return layer.out_w <= layer.in_w and layer.out_h <= layer.in_h


def _fits_3x3(layer: MacLayer, target: Target) -> bool:
    return (
        layer.in_c == layer.out_c and layer.out_c % 8 == 0 and layer.dil_h == layer.dil_w == 1
        and (layer.kh, layer.kw) == (3, 3) and right_shifts_only(layer)
        and int(layer.weights.min()) >= -127
    )


def _three_bytes(layer: MacLayer) -> int:
    """Three padded rows of 16 channels."""
    return 3 * ((layer.out_w - 1) * layer.stride_w + 3) * 16


def pack_words(layer: MacLayer) -> NDArray[np.int8]:
    """(out_c/8, 3, 8, 4): for each kernel column a word (ky 0, 1, 2, zero) a channel."""
    words = np.zeros((layer.out_c // 8, 3, 8, 4), np.int8)
    taps = layer.weights.reshape(3, 3, layer.out_c // 8, 8)  # (ky, kx, block, c)
    words[..., :3] = taps.transpose(2, 1, 3, 0)
    return words.reshape(-1)


_ANY = MacKernel(
    func="eq_dwconv2d_s8_neon", isa="neon", source="kernels/eq_dwconv2d_s8_neon.c",
    fits=_fits_any, tables=tables8, pack=_pack_any,
    layout="(kh, kw, out_c rounded up to 8), zero padded", scratch=_ring_bytes,
    overlap=_overlap, headers=("kernels/eq_neon.h", "kernels/eq_neon_dw.h"),
)

KERNELS = (
    MacKernel(
        func="eq_dwconv2d_s8_neon_dot", isa="neon_dot",
        source="kernels/eq_dwconv2d_s8_neon_dot.c", fits=_fits_dot, pack=pack_words,
        layout="(out_c/8, kx, 8, ky and a zero)", scratch=_pair_bytes, in_place=_in_place,
        headers=("kernels/eq_neon.h",),
    ),
    MacKernel(
        func="eq_dwconv2d_3x3_s8_neon", isa="neon", source="kernels/eq_dwconv2d_3x3_s8_neon.c",
        fits=_fits_3x3, pack=lambda layer: layer.weights.reshape(-1), layout="(kh, kw, out_c)",
        scratch=_three_bytes, in_place=_in_place, headers=("kernels/eq_neon.h",),
    ),
    _ANY,
    with_left_shifts(_ANY),
)
