"""Every operator that edgeq knows, in one explicit tuple; one file an operator."""

from __future__ import annotations

from edgeq.ops.base import Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.reshape import Reshape

OPS: tuple[type[Op], ...] = (
    Conv2D,
    DepthwiseConv2D,
    Dense,
    Reshape,
)
