"""Broadcasting of one operand: which shapes the elementwise kernels take, and as what loop."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from edgeq.errors import ModelError

if TYPE_CHECKING:
    from edgeq.ops.base import Shape


@dataclass(frozen=True)
class Broadcast:
    """The full operand as (outer, n, inner), the other one as (n,)."""

    outer: int
    n: int
    inner: int


def broadcast_shape(name: str, *shapes: Shape) -> Shape:
    """The shape that `shapes` broadcast to; raises ModelError where they do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ModelError(name, f"shapes {' and '.join(map(str, shapes))} do not fit together",
                         "equal shapes, or 1 where they differ", "export the model again") from None


def broadcast_of(full: Shape, other: Shape) -> Broadcast | None:
    """How `other` repeats over `full`; None where its own axes are not one block of `full`'s."""
    aligned = (1,) * (len(full) - len(other)) + other
    used = [i for i, size in enumerate(aligned) if size != 1]
    first, last = (used[0], used[-1] + 1) if used else (len(full), len(full))
    if not used:
        return Broadcast(1, 1, prod(full))
    if aligned[first:last] != full[first:last]:
        return None
    return Broadcast(prod(full[:first]), prod(full[first:last]), prod(full[last:]))
