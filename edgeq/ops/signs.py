"""Which tensors hold signs alone: proven from the codes that their producers can give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph
from edgeq.ops.base import Act
from edgeq.ops.gather import Gather
from edgeq.ops.lut import CODES, Unary
from edgeq.ops.pad import Pad
from edgeq.ops.pool import MaxPool
from edgeq.ops.reshape import Reshape


def possible_codes(g: Graph, name: str) -> NDArray[np.int8]:
    """Every int8 code that the activation `name` can hold, perhaps more; sorted.

    Through functions of one value and what only moves values; all 256 behind anything else.
    """
    op = g.producer(name)
    if op is None or len(op.outs) != 1:
        return np.sort(CODES)
    moves = isinstance(op, Reshape | Gather | Pad) or (isinstance(op, MaxPool)
                                                       and op.act is Act.NONE)
    if not (moves or isinstance(op, Unary)) or g.tensor(op.ins[0]).params.bits != 8:
        return np.sort(CODES)
    codes = possible_codes(g, op.ins[0])
    if isinstance(op, Unary):
        codes = op.run_int(g, codes)[0].astype(np.int8)
    elif isinstance(op, Pad):
        fill = g.tensor(name).params.quantize(np.array([op.value], np.float32))
        codes = np.append(codes, fill)
    return np.unique(codes).astype(np.int8)


def sign_steps(g: Graph, name: str) -> int:
    """d > 0 where the activation `name` holds -d, 0 and d alone, with zero point 0; else 0."""
    q = g.tensor(name).params
    if q.bits != 8 or int(q.zero) != 0:
        return 0
    sizes = np.unique(np.abs(possible_codes(g, name).astype(np.int32)))
    top = int(sizes[-1])
    return top if set(sizes.tolist()) <= {0, top} else 0
