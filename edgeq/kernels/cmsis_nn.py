"""Adapters to a CMSIS-NN checkout: one for each core family, which differ in scratch only.

The scratch sizes are CMSIS-NN's own formulas (arm_*_get_buffer_size), read in commit 99f736a6.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeq.board import CMSIS_ISAS, CmsisIsa
from edgeq.kernels.base import MacKernel, MacLayer

HEADER = "kernels/eq_cmsis.h"
_MVE_CHANNELS = 124  # CH_IN_BLOCK_MVE: channels that the Helium depthwise convolution gathers
_LAYOUT = "as the portable kernel's; then int32 bias (unfolded), mult, shift of each channel"


def weight_sums(layer: MacLayer) -> NDArray[np.int64]:
    """Sum of each output channel's weights; depthwise weights have the channel last."""
    w = layer.weights.astype(np.int64)
    return np.asarray(w.sum((0, 1)) if w.ndim == 3 else w.reshape(layer.out_c, -1).sum(1))


def pack(layer: MacLayer) -> NDArray[np.int8]:
    """Weights, then the tables of eq_cmsis.h; CMSIS-NN adds the input's offset itself."""
    flat = layer.weights.reshape(-1)
    filled = np.zeros(-(-flat.size // 4) * 4, np.int8)
    filled[: flat.size] = flat
    bias = layer.bias + layer.in_zero * weight_sums(layer)
    tables = np.stack([bias, layer.mult, layer.shift.astype(np.int64)]).astype("<i4")
    return np.concatenate([filled, tables.reshape(-1).view(np.int8)])


def pack_dense(layer: MacLayer) -> NDArray[np.int8]:
    """`pack`, then the folded bias (Helium's kernel sums), then 1 where multipliers differ."""
    differ = np.ptp(layer.mult) != 0 or np.ptp(layer.shift) != 0
    more = np.concatenate([layer.bias, [int(differ)]]).astype("<i4")
    return np.concatenate([pack(layer), more.view(np.int8)])


def conv_scratch(isa: CmsisIsa, layer: MacLayer) -> int:
    """arm_convolve_wrapper_s8_get_buffer_size for layers that `_fits_conv` lets through."""
    if _one_by_one(layer):
        return 0
    k = layer.kh * layer.kw * layer.in_c
    return 64 * -(-k // 16) if isa is CmsisIsa.MVE else 16 * -(-k // 4)


def depthwise_scratch(isa: CmsisIsa, layer: MacLayer) -> int:
    """arm_depthwise_conv_wrapper_s8_get_buffer_size."""
    taps = layer.kh * layer.kw
    if isa is CmsisIsa.MVE and layer.in_c == 1 and layer.out_c > 1:  # runs as a convolution
        return conv_scratch(isa, layer) + taps * layer.out_c
    if layer.in_c != layer.out_c or (layer.dil_h, layer.dil_w) != (1, 1):
        return 0
    if isa is CmsisIsa.MVE:
        return 4 * _MVE_CHANNELS * taps
    small_pad = layer.pad_top <= 1 and layer.pad_left <= 1
    if isa is CmsisIsa.C or ((layer.kh, layer.kw) == (3, 3) and small_pad):
        return 0
    return 2 * layer.in_c * taps


def _one_by_one(layer: MacLayer) -> bool:
    """What arm_nn_is_convolve_1x1 says."""
    return (layer.kh, layer.kw, layer.dil_h, layer.dil_w) == (1, 1, 1, 1) and (
        layer.pad_top, layer.pad_left) == (0, 0)


def _fits_conv(layer: MacLayer) -> bool:
    """Not the 1xN functions of CMSIS-NN, whose conditions and scratch change between versions."""
    return _one_by_one(layer) or not (layer.in_h == 1 and layer.kh == 1)


def _mac(isa: CmsisIsa, func: str, scratch: Callable[[CmsisIsa, MacLayer], int],
         pack_with: Callable[[MacLayer], NDArray[np.int8]],
         fits: Callable[[MacLayer], bool]) -> MacKernel:
    return MacKernel(
        func=func, isa=isa.value, source=f"kernels/{func}.c",
        fits=lambda layer, target: fits(layer), pack=pack_with, layout=_LAYOUT,
        scratch=lambda layer: scratch(isa, layer), headers=(HEADER,), own_tables=True)


CONV2D = tuple(_mac(isa, "eq_conv2d_s8_cmsis", conv_scratch, pack, _fits_conv)
               for isa in CMSIS_ISAS)
# one input channel may run as a 1xN convolution
DEPTHWISE = tuple(_mac(isa, "eq_dwconv2d_s8_cmsis", depthwise_scratch, pack,
                       lambda layer: layer.in_c > 1 or _fits_conv(layer)) for isa in CMSIS_ISAS)
DENSE = tuple(_mac(isa, "eq_dense_s8_cmsis", lambda isa, layer: 0, pack_dense, lambda layer: True)
              for isa in CMSIS_ISAS)
