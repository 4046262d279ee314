"""Cortex-M3 depthwise 3x3: records for runtime_c/kernels/eq_dwconv2d_3x3_s8_v7m.c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import right_shifts
from edgeq.kernels.depthwise_dsp import fits_3x3, in_place_3x3


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


KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dwconv2d_3x3_s8_v7m", isa="v7m", source="kernels/eq_dwconv2d_3x3_s8_v7m.c",
        fits=fits_3x3, pack=pack_records,
        layout="records of 4 channels: bias[4], mult[4], taps (4, 3, 3), shift - 1 [4]",
        scratch=columns_bytes,
        headers=("kernels/eq_dw_columns.h", "kernels/eq_gemm_v7m.h"), own_tables=True,
        in_place=in_place_3x3,
    ),
))
