"""One range for what a concatenation or a maximum brings together."""

from __future__ import annotations

import numpy as np

from edgeq.ir import Graph, Tensor, same_params
from edgeq.ops.activations import LeakyRelu, Tanh
from edgeq.ops.concat import Concat
from edgeq.ops.reshape import Reshape
from edgeq.quant import quantize
from edgeq.recipe import Recipe

SHAPE = (1, 4, 6)


def graph(extra_reader: bool) -> Graph:
    """x -> a (slope 0.1), b (slope 2, reshaped twice) -> concatenated."""
    ops = [
        LeakyRelu(name="a", ins=("x",), outs=("a",), alpha=0.1),
        LeakyRelu(name="b", ins=("x",), outs=("b",), alpha=2.0),
        Reshape(name="r", ins=("b",), outs=("r",), to=(1, 24)),
        Reshape(name="s", ins=("r",), outs=("s",), to=SHAPE),
        Concat(name="c", ins=("a", "s"), outs=("y",), axis=2),
    ]
    if extra_reader:
        ops.append(Tanh(name="t", ins=("a",), outs=("t",)))
    shapes = {"x": SHAPE, "a": SHAPE, "b": SHAPE, "r": (1, 24), "s": SHAPE, "y": (1, 4, 12)}
    tensors = {n: Tensor(n, s) for n, s in shapes.items()}
    if extra_reader:
        tensors["t"] = Tensor("t", SHAPE)
    return Graph(tensors, tuple(ops), ("x",), ("y", "t") if extra_reader else ("y",))


def quantized(extra_reader: bool) -> Graph:
    x = np.random.default_rng(0).normal(0, 1, (20, *SHAPE[1:])).astype(np.float32)
    return quantize(graph(extra_reader), x, Recipe(rollback=False)).graph


def test_inputs_of_a_concatenation_get_its_parameters() -> None:
    ints = quantized(extra_reader=False)
    for name in "abrs":
        assert same_params(ints.tensor(name).params, ints.tensor("y").params), name
    assert not same_params(ints.tensor("x").params, ints.tensor("y").params)


def test_an_input_that_others_read_keeps_its_own() -> None:
    ints = quantized(extra_reader=True)
    assert float(ints.tensor("a").params.scale) < 0.7 * float(ints.tensor("y").params.scale)
    assert same_params(ints.tensor("b").params, ints.tensor("y").params)
