"""Gradients of operators and of the student's variables by finite differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgeq.ops.activations import HardSwish, Logistic, Relu
from edgeq.ops.base import Act, Op
from edgeq.ops.concat import Concat
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.reduce import Mean, Sum
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax
from edgeq.quant.gradients import differentiable, pull_back

PADS = ((1, 0), (0, 2))
X = (2, 5, 6, 4)
ONE = {"name": "o", "ins": ("x",), "outs": ("y",)}
TWO = {"name": "o", "ins": ("a", "b"), "outs": ("y",)}
MAC = {"name": "o", "ins": ("x", "w", "b"), "outs": ("y",)}

CASES: list[tuple[Op, Sequence[tuple[int, ...]]]] = [
    (Conv2D(**MAC, pad=PADS, stride=(2, 1)), (X, (3, 3, 2, 4), (3,))),
    (Conv2D(**MAC, dilation=(2, 1), act=Act.RELU), (X, (3, 2, 3, 4), (3,))),
    (Conv2D(**MAC), (X, (3, 1, 1, 4), (3,))),
    (Conv2D(**MAC, stride=(2, 2)), (X, (3, 1, 1, 4), (3,))),
    (DepthwiseConv2D(**MAC, pad=PADS, stride=(1, 2), act=Act.RELU6), (X, (1, 3, 3, 4), (4,))),
    (DepthwiseConv2D(**MAC, pad=PADS), (X, (1, 3, 3, 8), (8,))),
    (Dense(**MAC, act=Act.RELU), ((3, 7), (5, 7), (5,))),
    (Dense(**MAC, keep_dims=True), ((2, 3, 7), (5, 7), (5,))),
    (Add(**TWO, act=Act.RELU), (X, X)),
    (Add(**TWO), (X, (4,))),
    (Sub(**TWO), (X, (1, 1, 1, 4))),
    (Mul(**TWO), (X, (2, 5, 6, 1))),
    (AveragePool(**ONE, kernel=(2, 3), stride=(2, 1), pad=PADS), (X,)),
    (MaxPool(**ONE, kernel=(2, 3), stride=(2, 1), pad=PADS), (X,)),
    (Mean(**ONE, axes=(1, 2)), (X,)),
    (Sum(**ONE, axes=(3,), keep_dims=True), (X,)),
    (Concat(**TWO, axis=3), (X, (2, 5, 6, 2))),
    (Pad(**ONE, pads=((0, 0), (1, 2), (0, 1), (0, 0))), (X,)),
    (Reshape(**ONE, to=(1, 120)), (X,)),
    (Softmax(**ONE, beta=0.7), ((3, 6),)),
    (Relu(**ONE, act=Act.RELU6), (X,)),
    (HardSwish(**ONE), (X,)),
    (Logistic(**ONE), (X,)),
]


@pytest.mark.parametrize(("op", "shapes"), CASES, ids=lambda v: type(v).__name__)
def test_directional_derivatives(op: Op, shapes: Sequence[tuple[int, ...]]) -> None:
    """d/dt of <r, op(x + t u)> equals <grad, u> in random directions, input by input."""
    rng = np.random.default_rng(0)
    xs = [rng.normal(0, 1, s).astype(np.float32) for s in shapes]
    (y,) = op.run(*xs)
    r = rng.normal(0, 1, y.shape).astype(np.float32)
    grads = pull_back(op, xs, y, r)
    assert differentiable(op)
    for i, x in enumerate(xs):
        assert grads[i].shape == x.shape
        direction = rng.normal(0, 1, x.shape)
        step = 5e-4
        ends = []
        for sign in (1, -1):
            moved = [*xs]
            moved[i] = (x + sign * step * direction).astype(np.float32)
            ends.append(float(np.vdot(r, op.run(*moved)[0]).real))
        slope = (ends[0] - ends[1]) / (2 * step)
        found = float(np.vdot(grads[i], direction))
        assert found == pytest.approx(slope, rel=0.03, abs=0.05 * np.sqrt(x.size)), i
