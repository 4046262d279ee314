"""Cortex-M0+ conv2d: padded weight rows for runtime_c/kernels/eq_dot4_s8_v6m.c."""

from __future__ import annotations

import numpy as np

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer, MacTables
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import right_shifts
from edgeq.kernels.conv2d_v7m import (
    fits_pairs,
    narrow_pairs,
    overlap,
    padded_rows,
    patches_bytes,
)


def tables_v6m(layer: MacLayer) -> MacTables:
    """Bias and multiplier as they are, shift as right shift - 1."""
    return MacTables(layer.bias, layer.mult, right_shifts(layer).astype(np.int8))


def _fits(layer: MacLayer, target: Target) -> bool:
    return fits_pairs(layer, target) and layer.acc_bound < 1 << 29


_HEADERS = ("kernels/eq_dot4_v6m.h", "kernels/eq_gemm_v6m.h", "kernels/eq_conv_patches.h")
KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_conv2d_s8_v6m", isa="v6m", source="kernels/eq_conv2d_s8_v6m.c",
        fits=_fits, pack=lambda layer: padded_rows(layer).reshape(-1),
        layout="(out_c, kh * kw * in_c filled up to a multiple of 4); shift is right shift - 1",
        scratch=patches_bytes,
        headers=("kernels/eq_dot4_s8_v6m.c", *_HEADERS), overlap=overlap, tables=tables_v6m,
    ),
    MacKernel(
        func="eq_conv2d_left_s8_v6m", isa="v6m", source="kernels/eq_conv2d_left_s8_v6m.c",
        fits=lambda layer, target: narrow_pairs(layer) and layer.sums_below(29),
        pack=lambda layer: padded_rows(layer).reshape(-1),
        layout="(out_c, kh * kw * in_c filled up to a multiple of 4)", scratch=patches_bytes,
        headers=("kernels/eq_dot4_left_s8_v6m.c", *_HEADERS), overlap=overlap,
    ),
))
