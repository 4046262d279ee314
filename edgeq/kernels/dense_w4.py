"""Dense layers with 4-bit weights: portable."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel
from edgeq.kernels.conv2d_w4 import HALVES
from edgeq.kernels.nibbles import halves

KERNELS = (
    MacKernel(
        func="eq_dense_s8w4", isa="c", source="ops/eq_dense_s8w4.c",
        fits=lambda layer, target: True,
        pack=lambda layer: halves(layer.weights).reshape(-1),
        layout=HALVES, scratch=lambda layer: 0, weight_bits=4,
    ),
)
