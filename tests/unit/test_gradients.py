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
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.gru import Gru
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.lstm import Lstm
from edgeq.ops.matmul import MatMul
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.reduce import Mean, Sum
from edgeq.ops.reshape import Reshape
from edgeq.ops.rnn import Rnn
from edgeq.ops.softmax import Softmax
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.quant.gradients import differentiable, pull_back

PADS = ((1, 0), (0, 2))
X = (2, 5, 6, 4)
ONE = {"name": "o", "ins": ("x",), "outs": ("y",)}
TWO = {"name": "o", "ins": ("a", "b"), "outs": ("y",)}
NORM = {"name": "o", "ins": ("x", "g", "b"), "outs": ("y",), "epsilon": 1e-3}
CELL = {"name": "o", "ins": ("x", "w", "r", "b"), "outs": ("y",)}
GRU = {"name": "o", "ins": ("x", "w", "r", "b", "c"), "outs": ("y",)}
STEPS = (2, 4, 3)
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
    (Slice(**ONE, cuts=(Cut(0, 2, 1), Cut(4, 2, -2), Cut(1, 1, 1), Cut(0, 4, 1)), drop=(2,)), (X,)),
    (Transpose(**ONE, perm=(0, 3, 1, 2)), (X,)),
    (LayerNorm(**NORM), (X, (4,), (4,))),
    (LayerNorm(**NORM, centered=False), (X, (6, 4), (6, 4))),
    (MatMul(**TWO, a_axes=(0, 2, 1, 3), b_axes=(0, 2, 3, 1), y_axes=(0, 1, 2, 3), factor=0.3),
     ((2, 5, 3, 4), (2, 6, 3, 4))),
    (MatMul(**TWO, a_axes=(0, 1, 2, 3), b_axes=(0, 1, 2), y_axes=(0, 2, 1, 3)),
     ((2, 3, 5, 4), (1, 4, 6))),
    (TransposeConv(**MAC, size=(9, 12), stride=(2, 2), top=1, act=Act.RELU),
     (X, (3, 3, 2, 4), (3,))),
    (Rnn(**CELL), (STEPS, (5, 3), (5, 5), (5,))),
    (Rnn(**CELL, last_only=True), (STEPS, (5, 3), (5, 5), (5,))),
    (Lstm(**CELL), (STEPS, (20, 3), (20, 5), (20,))),
    (Lstm(**CELL, last_only=True, cell_clip=0.7), (STEPS, (20, 3), (20, 5), (20,))),
    (Gru(**GRU), (STEPS, (15, 3), (15, 5), (15,), (15,))),
    (Gru(**GRU, reset_first=True, last_only=True), (STEPS, (15, 3), (15, 5), (15,), (15,))),
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


def test_division() -> None:
    """Divisors away from 0, where the quotient has a slope."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2, 3, 4)).astype(np.float32)
    b = rng.uniform(1, 2, (4,)).astype(np.float32)
    op = Div(**TWO)
    grads = pull_back(op, [a, b], op.run(a, b)[0], np.ones_like(a))
    np.testing.assert_allclose(grads[0], np.broadcast_to(1 / b, a.shape), rtol=1e-5)
    np.testing.assert_allclose(grads[1], -(a / b**2).sum((0, 1)), rtol=1e-4)


def test_layers_with_a_state_have_none() -> None:
    assert not differentiable(Rnn(name="o", ins=("x", "w", "r", "b", "h"), outs=("y", "k"),
                                  stateful=True))
