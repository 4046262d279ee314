"""Portable conv2d: weights as they are, (out_c, kh, kw, in_c)."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel
from edgeq.kernels.conv2d_dsp import overlap_patches

KERNELS = (
    MacKernel(
        func="eq_conv2d_s8", isa="c", source="ops/eq_conv2d_s8.c",
        fits=lambda layer, target: True,
        pack=lambda layer: layer.weights.reshape(-1),
        layout="(out_c, kh, kw, in_c)",
        scratch=lambda layer: 2 * layer.kh * layer.kw * layer.in_c,
        headers=("ops/eq_conv_taps.h",), overlap=lambda layer: overlap_patches(layer, 1),
    ),
)
