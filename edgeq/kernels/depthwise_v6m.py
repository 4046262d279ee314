"""Cortex-M0+ depthwise 3x3: tables for runtime_c/kernels/eq_dwconv2d_3x3_s8_v6m.c."""

from __future__ import annotations

import numpy as np

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer, MacTables
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import right_shifts
from edgeq.kernels.depthwise_dsp import fits_3x3, in_place_3x3
from edgeq.kernels.depthwise_v7m import (
    columns_bytes,
    fits_left_rows,
    fits_rows,
    in_place_rows,
    pack_rows,
    ring_bytes,
    tables_rows,
)


def _tables(layer: MacLayer) -> MacTables:
    """The bias for inputs that are 128 larger; shift as right shift - 1."""
    sums = layer.weights.astype(np.int64).sum((0, 1))
    bias = np.asarray(layer.bias - 128 * sums, np.int64)
    return MacTables(bias.astype(np.int32), layer.mult, right_shifts(layer).astype(np.int8))


def _fits(layer: MacLayer, target: Target) -> bool:
    return fits_3x3(layer, target) and layer.acc_bound < 1 << 29


KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dwconv2d_3x3_s8_v6m", isa="v6m", source="kernels/eq_dwconv2d_3x3_s8_v6m.c",
        fits=_fits, pack=lambda layer: layer.weights.reshape(9, -1).T.reshape(-1),
        layout="(out_c, 3, 3); bias for inputs + 128; shift is right shift - 1",
        scratch=columns_bytes,
        headers=("kernels/eq_dw_columns.h", "kernels/eq_gemm_v6m.h"), tables=_tables,
        in_place=in_place_3x3,
    ),
    MacKernel(
        func="eq_dwconv2d_s8_v6m", isa="v6m", source="kernels/eq_dwconv2d_s8_v6m.c",
        fits=fits_rows, pack=pack_rows, layout="(out_c, kh, kw); shift is right shift - 1",
        scratch=ring_bytes, headers=("kernels/eq_dw_rows.h", "kernels/eq_gemm_v6m.h"),
        tables=tables_rows, in_place=in_place_rows,
    ),
    MacKernel(
        func="eq_dwconv2d_left_s8_v6m", isa="v6m", source="kernels/eq_dwconv2d_left_s8_v6m.c",
        fits=lambda layer, target: fits_left_rows(layer, 29), pack=pack_rows,
        layout="(out_c, kh, kw)", scratch=ring_bytes,
        headers=("kernels/eq_dw_rows.h", "kernels/eq_gemm_v6m.h"), in_place=in_place_rows,
    ),
))
