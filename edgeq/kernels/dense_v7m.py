"""Cortex-M3 dense layer: weight streams for runtime_c/kernels/eq_dense_s8_v7m.c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import only_right_shifts, right_shifts
from edgeq.kernels.conv2d_v7m import both_shifts


def _pack(layer: MacLayer, *shifts: NDArray[np.uint32]) -> NDArray[np.int8]:
    """Streams of eight channels, filled up with channels of zeros, `shifts` at their ends."""
    groups = -(-layer.out_c // 8)
    rows = layer.weights.reshape(layer.out_c, -1)

    def grouped(values: NDArray[np.generic]) -> NDArray[np.int8]:
        padded = np.zeros((groups * 8, *values.shape[1:]), values.dtype)
        padded[: layer.out_c] = values
        return padded.reshape(groups, -1).view(np.int8)

    weights = grouped(rows).reshape(groups, 8, -1).transpose(0, 2, 1).reshape(groups, -1)
    parts = (grouped(layer.bias.astype("<i4")), weights, grouped(layer.mult.astype("<i4")),
             *(grouped(each.astype(np.int8)) for each in shifts))
    return np.concatenate(parts, axis=1).reshape(-1)


def _fits(layer: MacLayer, target: Target) -> bool:
    return only_right_shifts(layer) and layer.acc_bound < 1 << 30


_HEADERS = ("kernels/eq_dense_v7m.h", "kernels/eq_gemm_v7m.h")
KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dense_s8_v7m", isa="v7m", source="kernels/eq_dense_s8_v7m.c",
        fits=_fits, pack=lambda layer: _pack(layer, right_shifts(layer)),
        layout="a stream for every 8 channels: bias[8], weights (in_c, 8), mult[8], shift - 1 [8]",
        scratch=lambda layer: 0, headers=_HEADERS, own_tables=True,
    ),
    MacKernel(
        func="eq_dense_left_s8_v7m", isa="v7m", source="kernels/eq_dense_left_s8_v7m.c",
        fits=lambda layer, target: layer.sums_below(30),
        pack=lambda layer: _pack(layer, *both_shifts(layer)),
        layout=("a stream for every 8 channels: bias[8], weights (in_c, 8), mult[8], shift [8], "
                "left + 1 [8]"),
        scratch=lambda layer: 0, headers=_HEADERS, own_tables=True,
    ),
))
