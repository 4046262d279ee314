"""Layers with 16-bit activations and int8 weights: portable, 64-bit sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.kernels.base import MacKernel, MacLayer, MacTables
from edgeq.requant import wide_factors


def _tables(layer: MacLayer) -> MacTables:
    """Bias, the 15-bit multiplier and the right shift behind it."""
    factor, right = wide_factors(layer.mult, layer.shift)
    return MacTables(layer.bias, factor, right)


def _flat(layer: MacLayer) -> NDArray[np.int8]:
    return layer.weights.reshape(-1)


def _portable(func: str, layout: str) -> MacKernel:
    return MacKernel(
        func=func, isa="c", source=f"ops/{func}.c", fits=lambda layer, target: True,
        pack=_flat, layout=layout, scratch=lambda layer: 0, tables=_tables, act_bits=16,
        headers=("ops/eq_dot_s16.h",))


CONV2D = (_portable("eq_conv2d_s16", "(out_c, kh, kw, in_c)"),)
DEPTHWISE = (_portable("eq_dwconv2d_s16", "(kh, kw, out_c)"),)
DENSE = (_portable("eq_dense_s16", "(out_c, in_c)"),)
