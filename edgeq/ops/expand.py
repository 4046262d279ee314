"""Expand: repetition along axes of size 1, for operands that no kernel repeats by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq.ir import Array
from edgeq.ops.base import Shape
from edgeq.ops.gather import Gather


@dataclass(frozen=True, kw_only=True)
class Expand(Gather):
    """y = x repeated to the shape `to`; where they differ, x has size 1. No model file has it."""

    to: Shape

    def view(self, x: Array) -> Array:
        return np.broadcast_to(x, (x.shape[0], *self.to[1:]))
