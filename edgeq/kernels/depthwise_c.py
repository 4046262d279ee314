"""Portable depthwise convolution: weights as they are, (kh, kw, out_c)."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel
from edgeq.kernels.conv2d_dsp import overlap_direct

KERNELS = (
    MacKernel(
        func="eq_dwconv2d_s8", isa="c", source="ops/eq_dwconv2d_s8.c",
        fits=lambda layer, target: True,
        pack=lambda layer: layer.weights.reshape(-1),
        layout="(kh, kw, out_c)",
        scratch=lambda layer: 0, overlap=overlap_direct,
    ),
)
