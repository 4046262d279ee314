"""Masked softmax: constant and computed masks, rows of which nothing is kept, run_int and C."""

from __future__ import annotations

import numpy as np
import pytest
from against import random_int8
from native import Native

from edgeq.board import HOST, Target
from edgeq.errors import UnsupportedError
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.base import check_limits
from edgeq.ops.masked_softmax import MaskedSoftmax

X = (1, 2, 5, 7)
CAUSAL = np.tril(np.ones((5, 7)), 2)


def graph_of(mask: np.ndarray | tuple[int, ...], scale: float, uniform: bool) -> Graph:
    """The operator alone; `mask` is a constant of 0 and 1, or the shape of an input."""
    truth = QuantParams(np.asarray(1.0), np.asarray(0, np.int32), 8)
    y = QuantParams(np.asarray(1 / 256), np.asarray(-128, np.int32), 8)
    const = isinstance(mask, np.ndarray)
    tensors = {
        "x": Tensor("x", X, None, QuantParams(np.asarray(scale), np.asarray(3, np.int32), 8)),
        "m": Tensor("m", mask.shape, mask.astype(np.int8), truth) if const else
        Tensor("m", mask, None, truth),
        "y": Tensor("y", X, None, y)}
    op = MaskedSoftmax(name="layer", ins=("x", "m"), outs=("y",), uniform=uniform)
    return Graph(tensors, (op,), ("x",) if const else ("x", "m"), ("y",))


MASKS = {
    "causal": (CAUSAL, "prefix"), "for both heads": (CAUSAL[None, None], "prefix"),
    "a head each": (np.stack([CAUSAL, CAUSAL[:, ::-1]]), "masked"),
    "one row": (np.array([1, 1, 0, 1, 0, 0, 1]), "masked"),
    "by head": (np.array([[[1] * 5 + [0] * 2], [[0] * 7]]), "prefix"),
    "input": ((1, 1, 5, 7), "masked"), "input by row": ((1, 1, 1, 7), "masked"),
    "input by head": ((1, 2, 5, 7), "masked"),
}


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("kind", MASKS)
def test_integers_and_c(native: Native, kind: str, uniform: bool) -> None:
    mask, kernel = MASKS[kind]
    rng = np.random.default_rng(len(kind))
    for scale in (0.003, 0.0625, 0.7, 30.0):
        graph = graph_of(mask, scale, uniform)
        (op,) = graph.ops
        (call,) = op.lower(graph, Target(HOST))
        assert call.func == f"eq_softmax_{kernel}_s8"
        for _ in range(4):
            x = random_int8(rng, X)
            m = rng.integers(0, 2, graph.tensor("m").shape).astype(np.int8)
            given = (x,) if isinstance(mask, np.ndarray) else (x, m)
            keep = mask.astype(np.int8) if isinstance(mask, np.ndarray) else m
            (want,) = op.run_int(graph, x, keep)
            np.testing.assert_array_equal(native.run(op, graph, *given)[0], want)
            (real,) = op.run(graph.tensor("x").params.dequantize(x), keep.astype(np.float32))
            off = np.abs(graph.tensor("y").params.dequantize(want) - np.minimum(real, 255 / 256))
            assert off.max() <= 1 / 256
            out = np.broadcast_to(keep == 0, X)
            some = np.broadcast_to(keep != 0, X).any(-1, keepdims=True)
            assert (want[out & some] == -128).all()


def test_a_mask_of_all_is_no_mask() -> None:
    graph = graph_of(np.ones((5, 7)), 0.1, False)
    x = random_int8(np.random.default_rng(1), X)
    (op,) = graph.ops
    assert isinstance(op, MaskedSoftmax)
    np.testing.assert_array_equal(op.run_int(graph, x, np.ones((5, 7), np.int8))[0],
                                  op.whole().run_int(graph, x)[0])


def test_limits() -> None:
    for shape in ((1, 1, 5, 1), (1, 2, 1, 1)):
        graph = graph_of(shape, 0.1, False)
        with pytest.raises(UnsupportedError, match="a mask of shape"):
            check_limits(graph.ops[0], graph)
