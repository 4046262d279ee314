"""Cortex-M DSP depthwise 3x3: records for runtime_c/kernels/eq_dwconv2d_3x3_s8_dsp.c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Optimize, Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import only_right_shifts, right_shifts

_SCRATCH = 1024  # bytes, unless speed matters most


def _pack(layer: MacLayer) -> NDArray[np.int8]:
    """Records of four channels: (taps[3], twice the bias, mult) each, then shift[4]."""
    groups = layer.out_c // 4
    taps = layer.weights[[0, 1, 1, 2]]  # (4, kx, out_c): the bytes of a word
    words = np.ascontiguousarray(taps.transpose(2, 1, 0)).view("<u4")[..., 0]
    channel = np.concatenate(
        (words, (2 * layer.bias).astype("<i4").view("<u4")[:, None],
         layer.mult.astype("<i4").view("<u4")[:, None]), axis=1).reshape(groups, 20)
    shift = right_shifts(layer).astype(np.int8).reshape(groups, 4).view("<u4")
    records = np.concatenate((channel, shift), axis=1)
    return records.astype("<u4").reshape(-1).view(np.int8)


def fits_3x3(layer: MacLayer, target: Target) -> bool:
    """True for 3x3 without dilation, stride 1 or 2, over whole groups of four channels."""
    stride = layer.stride_h
    return (layer.kh == 3 and layer.kw == 3 and layer.stride_w == stride and stride in (1, 2)
            and layer.dil_h == 1 and layer.dil_w == 1
            and layer.in_c == layer.out_c and layer.in_c % 4 == 0
            and layer.pad_top <= 1 and layer.pad_left <= 2
            and layer.in_w + layer.pad_left <= (layer.out_w - 1) * stride + 3
            and only_right_shifts(layer) and layer.acc_bound < 1 << 30)


def in_place_3x3(layer: MacLayer) -> bool:
    """Channel groups are done one after the other, rows from the top, two of them read ahead."""
    return layer.out_w <= layer.in_w


def _columns_bytes(layer: MacLayer) -> int:
    return 32 * ((layer.out_w - 1) * layer.stride_w + 3)


def _fits(layer: MacLayer, target: Target) -> bool:
    """Wide maps, often a network's largest, are left to ARMv7-M's kernel of half the scratch."""
    small = _columns_bytes(layer) <= _SCRATCH or target.optimize is Optimize.SPEED
    return small and fits_3x3(layer, target)


KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dwconv2d_3x3_s8_dsp", isa="dsp", source="kernels/eq_dwconv2d_3x3_s8_dsp.c",
        fits=_fits, pack=_pack,
        layout="records of 4 channels: 3 words of taps (w0 w1 w1 w2), 2 * bias, mult; shift[4]",
        scratch=_columns_bytes,
        headers=("kernels/eq_gemm_dsp.h",), own_tables=True, in_place=in_place_3x3,
    ),
))
