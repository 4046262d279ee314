"""Convolutions with 4-bit weights: portable."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.nibbles import halves

HALVES = "rows of ceil(k / 2) bytes: tap i low, tap i + ceil(k / 2) high"


def _taps(layer: MacLayer) -> int:
    return layer.kh * layer.kw * layer.in_c


KERNELS = (
    MacKernel(
        func="eq_conv2d_s8w4", isa="c", source="ops/eq_conv2d_s8w4.c",
        fits=lambda layer, target: True,
        pack=lambda layer: halves(layer.weights.reshape(layer.out_c, -1)).reshape(-1),
        layout=HALVES, scratch=lambda layer: 2 * (_taps(layer) + _taps(layer) % 2),
        headers=("ops/eq_conv_taps.h",), weight_bits=4,
    ),
)
