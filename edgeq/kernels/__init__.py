"""The kernels of every ISA, an explicit tuple per operator; first fit within an ISA wins."""

from __future__ import annotations

from edgeq.kernels import conv2d_c, conv2d_mve, dense_c, depthwise_c
from edgeq.kernels.base import MacKernel

CONV2D: tuple[MacKernel, ...] = (
    *conv2d_c.KERNELS,
    *conv2d_mve.KERNELS,
)

DEPTHWISE: tuple[MacKernel, ...] = (
    *depthwise_c.KERNELS,
)

DENSE: tuple[MacKernel, ...] = (
    *dense_c.KERNELS,
)
