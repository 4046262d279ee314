"""Helium (MVE) depthwise 3x3: weights and requantization in records of 4 channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.conv2d_mve import right_shifts

# Output pixels of a row that the C file does at a time (the enum there), by stride
_CHUNK = {1: 16, 2: 4}


def _pack(layer: MacLayer) -> NDArray[np.int8]:
    """84 bytes for 4 channels: (4 channels, 3 columns, 3 rows and a 0), bias, mult, shift."""
    blocks = layer.out_c // 4
    taps = np.zeros((blocks, 4, 3, 4), np.int8)
    taps[..., :3] = layer.weights.transpose(2, 1, 0).reshape(blocks, 4, 3, 3)
    tables = (np.ascontiguousarray(t, t.dtype.newbyteorder("<")).view(np.int8).reshape(blocks, -1)
              for t in (layer.bias, layer.mult, layer.shift))
    return np.concatenate([taps.reshape(blocks, -1), *tables], axis=1).reshape(-1)


def _columns(layer: MacLayer) -> int:
    return (min(_CHUNK[layer.stride_w], layer.out_w) - 1) * layer.stride_w + 3


def _overlap(layer: MacLayer) -> int:
    """Rows are written once all channels of their windows (and of the pixels right) are read."""
    step, below = (2 if layer.stride_h == 1 else 1), 0
    in_row, out_row = layer.in_w * layer.in_c, layer.out_w * layer.out_c
    for oy in range(0, layer.out_h, step):
        written = min(oy + step, layer.out_h) * out_row
        below = max(below, written - max(0, oy * layer.stride_h - layer.pad_top) * in_row)
    return below


def _fits(layer: MacLayer, target: Target) -> bool:
    same_stride = layer.stride_h == layer.stride_w and layer.stride_w in _CHUNK
    return (same_stride and (layer.kh, layer.kw, layer.dil_h, layer.dil_w) == (3, 3, 1, 1)
            and layer.in_c == layer.out_c and layer.out_c % 4 == 0 and right_shifts(layer))


KERNELS = (
    MacKernel(
        func="eq_dwconv2d_3x3_s8_mve", isa="mve", source="kernels/eq_dwconv2d_3x3_s8_mve.c",
        fits=_fits, pack=_pack,
        layout="records of 4 channels: 3 columns x (3 rows, 0), bias[4], mult[4] int32, shift[4]",
        scratch=lambda layer: 64 * _columns(layer) + 16 + 64, headers=("kernels/eq_mve.h",),
        own_tables=True, overlap=_overlap,
    ),
)
