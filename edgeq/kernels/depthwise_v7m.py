"""Cortex-M3 depthwise 3x3: records for runtime_c/kernels/eq_dwconv2d_3x3_s8_v7m.c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer, MacTables
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import only_right_shifts, right_shifts
from edgeq.kernels.depthwise_dsp import fits_3x3, in_place_3x3

_RING = 4096  # bytes of scratch


def pack_records(layer: MacLayer) -> NDArray[np.int8]:
    """Records of four channels: bias[4], mult[4], taps (4, 3, 3), right shift - 1 [4]."""
    groups = layer.out_c // 4
    taps = np.ascontiguousarray(layer.weights.reshape(9, -1).T).reshape(groups, 36)
    parts = (
        layer.bias.astype("<i4").view(np.int8).reshape(groups, 16),
        layer.mult.astype("<i4").view(np.int8).reshape(groups, 16),
        taps,
        right_shifts(layer).astype(np.int8).reshape(groups, 4),
    )
    return np.concatenate(parts, axis=1).reshape(-1)


def columns_bytes(layer: MacLayer) -> int:
    """Four rows of four channels for every column that a row of outputs touches."""
    return 16 * ((layer.out_w - 1) * layer.stride_w + 3)


def ring_bytes(layer: MacLayer) -> int:
    """The padded rows under the window (eq_dw_rows.h)."""
    width = (-(-layer.out_w // 4) * 4 - 1) * layer.stride_w + (layer.kw - 1) * layer.dil_w + 1
    return ((layer.kh - 1) * layer.dil_h + 1) * width


def fits_rows(layer: MacLayer, target: Target) -> bool:
    """True where the ring stays small, whatever the window and the multiplier."""
    return ring_bytes(layer) <= _RING and only_right_shifts(layer) and layer.acc_bound < 1 << 29


def fits_left_rows(layer: MacLayer, bits: int) -> bool:
    """The same with any shift for sums below 2**bits."""
    return ring_bytes(layer) <= _RING and layer.sums_below(bits)


def in_place_rows(layer: MacLayer) -> bool:
    """Channels are done one after the other, and rows are read ahead of what is written."""
    return (layer.in_c == layer.out_c and layer.out_w <= layer.in_w
            and layer.pad_top <= (layer.kh - 1) * layer.dil_h)


def tables_rows(layer: MacLayer) -> MacTables:
    """Bias and multiplier as they are, shift as right shift - 1."""
    return MacTables(layer.bias, layer.mult, right_shifts(layer).astype(np.int8))


def pack_rows(layer: MacLayer) -> NDArray[np.int8]:
    """(out_c, kh, kw)."""
    return layer.weights.transpose(2, 0, 1).reshape(-1)


KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dwconv2d_3x3_s8_v7m", isa="v7m", source="kernels/eq_dwconv2d_3x3_s8_v7m.c",
        fits=fits_3x3, pack=pack_records,
        layout="records of 4 channels: bias[4], mult[4], taps (4, 3, 3), shift - 1 [4]",
        scratch=columns_bytes,
        headers=("kernels/eq_dw_columns.h", "kernels/eq_gemm_v7m.h"), own_tables=True,
        in_place=in_place_3x3,
    ),
    MacKernel(
        func="eq_dwconv2d_s8_v7m", isa="v7m", source="kernels/eq_dwconv2d_s8_v7m.c",
        fits=fits_rows, pack=pack_rows, layout="(out_c, kh, kw); shift is right shift - 1",
        scratch=ring_bytes, headers=("kernels/eq_dw_rows.h", "kernels/eq_gemm_v7m.h"),
        tables=tables_rows, in_place=in_place_rows,
    ),
    MacKernel(
        func="eq_dwconv2d_left_s8_v7m", isa="v7m", source="kernels/eq_dwconv2d_left_s8_v7m.c",
        fits=lambda layer, target: fits_left_rows(layer, 30), pack=pack_rows,
        layout="(out_c, kh, kw)", scratch=ring_bytes,
        headers=("kernels/eq_dw_rows.h", "kernels/eq_gemm_v7m.h"), in_place=in_place_rows,
    ),
))
