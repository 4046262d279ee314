"""Cortex-M0+ dense layer: plain weight rows for runtime_c/kernels/eq_dense_s8_v6m.c."""

from __future__ import annotations

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import only_right_shifts
from edgeq.kernels.conv2d_v6m import tables_v6m


def _fits(layer: MacLayer, target: Target) -> bool:
    return only_right_shifts(layer) and layer.acc_bound < 1 << 29


_HEADERS = ("kernels/eq_dense_v6m.h", "kernels/eq_gemm_v6m.h")
KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dense_s8_v6m", isa="v6m", source="kernels/eq_dense_s8_v6m.c",
        fits=_fits, pack=lambda layer: layer.weights.reshape(-1),
        layout="(out_c, in_c); shift is right shift - 1",
        scratch=lambda layer: 0, headers=_HEADERS, tables=tables_v6m,
    ),
    MacKernel(
        func="eq_dense_left_s8_v6m", isa="v6m", source="kernels/eq_dense_left_s8_v6m.c",
        fits=lambda layer, target: layer.sums_below(29),
        pack=lambda layer: layer.weights.reshape(-1), layout="(out_c, in_c)",
        scratch=lambda layer: 0, headers=_HEADERS,
    ),
))
