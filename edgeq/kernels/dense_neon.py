"""Dense layers for NEON: weights packed as the convolutions', one row of inputs at a time."""

from __future__ import annotations

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.conv2d_neon import (
    pack_dot,
    pack_rows16,
    right_shifts_only,
    tables8,
    tables16,
    with_left_shifts,
)


def _fits_base(layer: MacLayer, target: Target) -> bool:
    return right_shifts_only(layer) and int(layer.weights.min()) >= -127


def _fits_dot(layer: MacLayer, target: Target) -> bool:
    return right_shifts_only(layer)


def _row_bytes(layer: MacLayer) -> int:
    return 0 if layer.in_c % 16 == 0 else -(-layer.in_c // 16) * 16


_RIGHT = (
    MacKernel(
        func="eq_dense_s8_neon_dot", isa="neon_dot", source="kernels/eq_dense_s8_neon_dot.c",
        fits=_fits_dot, tables=tables16, pack=pack_dot,
        layout="(out_c/16, k/16, 4, 4, 4, 4), zero padded",
        scratch=_row_bytes, headers=("kernels/eq_neon.h", "kernels/eq_neon_dense_dot.h"),
    ),
    MacKernel(
        func="eq_dense_s8_neon", isa="neon", source="kernels/eq_dense_s8_neon.c",
        fits=_fits_base, tables=tables8, pack=pack_rows16,
        layout="(out_c/4, k/16, 4, 16), zero padded",
        scratch=_row_bytes, headers=("kernels/eq_neon.h", "kernels/eq_neon_dense_base.h"),
    ),
)
KERNELS = (*_RIGHT, *(with_left_shifts(kernel) for kernel in _RIGHT))
