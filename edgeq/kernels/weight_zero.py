"""Layers of uint8 models, whose weights have a zero point: portable.

The sum of the inputs, times the zero point, is taken off every channel of a pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeq.kernels.base import MacKernel, MacLayer


def _with_zero(layer: MacLayer) -> NDArray[np.int8]:
    """The weights as they are, and behind them their zero point."""
    return np.append(layer.weights.reshape(-1), np.int8(layer.weight_zero))


def _portable(func: str, layout: str, scratch: Callable[[MacLayer], int],
              headers: tuple[str, ...] = ()) -> MacKernel:
    return MacKernel(
        func=func, isa="c", source=f"ops/{func}.c", fits=lambda layer, target: True,
        pack=_with_zero, layout=f"{layout}, then their zero point", scratch=scratch,
        headers=headers, weight_zero=True)


CONV2D = (_portable("eq_conv2d_s8wz", "(out_c, kh, kw, in_c)",
                    lambda layer: 2 * layer.kh * layer.kw * layer.in_c,
                    ("ops/eq_conv_taps.h",)),)
DEPTHWISE = (_portable("eq_dwconv2d_s8wz", "(kh, kw, out_c)", lambda layer: 0),)
DENSE = (_portable("eq_dense_s8wz", "(out_c, in_c)", lambda layer: 0),)
