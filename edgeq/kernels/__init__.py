"""The kernels of every ISA, an explicit tuple per operator; first fit within an ISA wins."""

from __future__ import annotations

from edgeq.kernels import (
    conv2d_c,
    conv2d_dsp,
    conv2d_mve,
    dense_c,
    dense_dsp,
    depthwise_c,
    depthwise_dsp,
    depthwise_mve,
)
from edgeq.kernels.base import MacKernel

CONV2D: tuple[MacKernel, ...] = (
    *conv2d_c.KERNELS,
    *conv2d_mve.KERNELS,
    *conv2d_dsp.KERNELS,
)

DEPTHWISE: tuple[MacKernel, ...] = (
    *depthwise_c.KERNELS,
    *depthwise_mve.KERNELS,
    *depthwise_dsp.KERNELS,
)

DENSE: tuple[MacKernel, ...] = (
    *dense_c.KERNELS,
    *dense_dsp.KERNELS,
)
