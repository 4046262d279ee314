"""Which layers keep 8 bits beside 4-bit ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir import Graph, Tensor
from edgeq.layers import is_mac
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.quant.assign import small_layers, weight_bits
from edgeq.recipe import Layer, Recipe


def net() -> Graph:
    """Layers a (16 weights), d (depthwise), b (64), c (920)."""
    shapes = {"wa": (8, 1, 1, 2), "wd": (1, 3, 3, 8), "wb": (8, 1, 1, 8), "wc": (115, 1, 1, 8)}
    rng = np.random.default_rng(0)
    t = {n: Tensor(n, s, rng.normal(0, 1, s).astype(np.float32)) for n, s in shapes.items()}
    for n, c in {"x": 2, "a": 8, "d": 8, "b": 8, "c": 115}.items():
        t[n] = Tensor(n, (1, 4, 4, c))
        t[f"z{n}"] = Tensor(f"z{n}", (c,), np.zeros(c, np.float32))
    same = ((1, 1), (1, 1))
    ops = (Conv2D(name="a", ins=("x", "wa", "za"), outs=("a",)),
           DepthwiseConv2D(name="d", ins=("a", "wd", "zd"), outs=("d",), pad=same),
           Conv2D(name="b", ins=("d", "wb", "zb"), outs=("b",)),
           Conv2D(name="c", ins=("b", "wc", "zc"), outs=("c",)))
    del t["zx"]
    return Graph(t, ops, ("x",), ("c",))


def bits(recipe: Recipe) -> dict[str, int]:
    g = net()
    return {op.name: weight_bits(g, op, recipe) for op in g.ops if is_mac(op)}


def test_the_smallest_layers_within_the_share_keep_8_bits() -> None:
    assert small_layers(net(), 0.0) == frozenset()
    assert small_layers(net(), 0.016) == {"a"}
    assert small_layers(net(), 0.08) == {"a", "b"}
    assert small_layers(net(), 1.0) == {"a", "b", "c"}
    four = Recipe(weight_bits=4)
    assert bits(four) == {"a": 4, "d": 8, "b": 4, "c": 4}
    assert bits(replace(four, keep_small=0.08)) == {"a": 8, "d": 8, "b": 8, "c": 4}
    assert bits(replace(four, keep_ends=True)) == {"a": 8, "d": 8, "b": 4, "c": 8}


def test_a_layer_that_is_named_has_what_is_said_of_it() -> None:
    recipe = Recipe(weight_bits=4, keep_small=0.08, layers=(Layer("b", weight_bits=4),))
    assert bits(recipe) == {"a": 8, "d": 8, "b": 4, "c": 4}
