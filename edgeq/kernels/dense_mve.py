"""Helium (MVE) dense layer: the records of the convolutions."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_mve import GEMM, LAYOUT, pack_records, right_shifts

KERNELS = (
    with_plain_constants(MacKernel(
        func="eq_dense_s8_mve", isa="mve", source="kernels/eq_dense_s8_mve.c",
        fits=lambda layer, target: right_shifts(layer),
        pack=lambda layer: pack_records(layer.weights, layer), layout=LAYOUT,
        scratch=lambda layer: 0 if layer.in_c % 16 == 0 else -(-layer.in_c // 16) * 16,
        headers=GEMM, own_tables=True,
    )),
)
