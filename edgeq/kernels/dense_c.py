"""Portable dense layer: weights as they are, (out_c, in_c)."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel

KERNELS = (
    MacKernel(
        func="eq_dense_s8", isa="c", source="ops/eq_dense_s8.c",
        fits=lambda layer, target: True,
        pack=lambda layer: layer.weights.reshape(-1),
        layout="(out_c, in_c)",
        scratch=lambda layer: 0,
    ),
)
