"""The kernels of every ISA, an explicit tuple per operator; first fit within an ISA wins."""

from __future__ import annotations

from edgeq.kernels import (
    cmsis_nn,
    conv2d_c,
    conv2d_dsp,
    conv2d_mve,
    conv2d_neon,
    conv2d_v6m,
    conv2d_v7m,
    conv2d_w4,
    dense_c,
    dense_dsp,
    dense_mve,
    dense_neon,
    dense_v6m,
    dense_v7m,
    dense_w4,
    depthwise_c,
    depthwise_dsp,
    depthwise_mve,
    depthwise_neon,
    depthwise_v6m,
    depthwise_v7m,
    packed,
    signs,
    weight_zero,
    wide,
)
from edgeq.kernels.base import MacKernel

CONV2D: tuple[MacKernel, ...] = (
    *conv2d_c.KERNELS,
    *wide.CONV2D,
    *weight_zero.CONV2D,
    *conv2d_w4.KERNELS,
    *signs.CONV2D,
    *packed.CONV2D,
    *conv2d_mve.KERNELS,
    *conv2d_dsp.KERNELS,
    *conv2d_v7m.KERNELS,
    *conv2d_v6m.KERNELS,
    *conv2d_neon.KERNELS,
    *cmsis_nn.CONV2D,
)

DEPTHWISE: tuple[MacKernel, ...] = (
    *depthwise_c.KERNELS,
    *wide.DEPTHWISE,
    *weight_zero.DEPTHWISE,
    *depthwise_mve.KERNELS,
    *depthwise_dsp.KERNELS,
    *depthwise_v7m.KERNELS,
    *depthwise_v6m.KERNELS,
    *depthwise_neon.KERNELS,
    *cmsis_nn.DEPTHWISE,
)

DENSE: tuple[MacKernel, ...] = (
    *dense_c.KERNELS,
    *wide.DENSE,
    *weight_zero.DENSE,
    *dense_w4.KERNELS,
    *signs.DENSE,
    *packed.DENSE,
    *dense_mve.KERNELS,
    *dense_dsp.KERNELS,
    *dense_v7m.KERNELS,
    *dense_v6m.KERNELS,
    *dense_neon.KERNELS,
    *cmsis_nn.DENSE,
)
