"""Simplification keeps the function and removes what it should."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.ops.activations import Relu
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.pad import Pad
from edgeq.passes import simplify

SAME = ((1, 1), (1, 1))


@dataclass
class Chain:
    """Builds a graph operator by operator; `x` is the name of the latest activation."""

    shape: tuple[int, ...]
    x: str = "in"
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def __post_init__(self) -> None:
        self.tensors["in"] = Tensor("in", self.shape)

    def const(self, data: NDArray[np.floating]) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors[name] = Tensor(name, data.shape, data.astype(np.float32))
        return name

    def normal(self, *shape: int) -> str:
        return self.const(self.rng.normal(size=shape))

    def add(self, op: Op) -> Chain:
        """Appends `op`, which reads what it says and writes a new activation."""
        (shape,) = op.shape(*(self.tensors[n].shape for n in op.ins))
        (self.x,) = op.outs
        self.tensors[self.x] = Tensor(self.x, shape)
        self.ops.append(op)
        return self

    def next(self) -> tuple[str, tuple[str]]:
        name = f"op{len(self.ops)}"
        return name, (f"{name}_out",)

    def layer(self, kind: type[Op], out_c: int = 4, act: Act = Act.NONE,
              pad: tuple[tuple[int, int], tuple[int, int]] = SAME) -> Chain:
        name, outs = self.next()
        c = self.tensors[self.x].shape[-1]
        if kind is Dense:
            ins = (self.x, self.normal(out_c, c), self.normal(out_c))
            return self.add(Dense(name=name, ins=ins, outs=outs, act=act, keep_dims=True))
        if kind is DepthwiseConv2D:
            ins = (self.x, self.normal(1, 3, 3, 2 * c), self.normal(2 * c))
            return self.add(DepthwiseConv2D(name=name, ins=ins, outs=outs, act=act, pad=pad))
        ins = (self.x, self.normal(out_c, 3, 3, c), self.normal(out_c))
        return self.add(Conv2D(name=name, ins=ins, outs=outs, act=act, pad=pad))

    def affine(self, kind: type[Add] | type[Mul] | type[Sub], *shape: int,
               const_first: bool = False, act: Act = Act.NONE) -> Chain:
        name, outs = self.next()
        c = self.normal(*shape)
        ins = (c, self.x) if const_first else (self.x, c)
        return self.add(kind(name=name, ins=ins, outs=outs, act=act))

    def relu(self, act: Act) -> Chain:
        name, outs = self.next()
        return self.add(Relu(name=name, ins=(self.x,), outs=outs, act=act))

    def pad(self, value: float = 0.0, channels: tuple[int, int] = (0, 0)) -> Chain:
        name, outs = self.next()
        return self.add(Pad(name=name, ins=(self.x,), outs=outs, value=value,
                            pads=((0, 0), (1, 0), (2, 1), channels)))

    def graph(self, *more_outs: str) -> Graph:
        return Graph(self.tensors, tuple(self.ops), ("in",), (self.x, *more_outs))


def simplified(graph: Graph, kinds: list[type[Op]]) -> Graph:
    """The simplified graph, which has operators of `kinds` and the same outputs."""
    new = simplify(graph)
    assert [type(op) for op in new.ops] == kinds
    x = np.random.default_rng(2).normal(size=(3, *graph.tensor("in").shape[1:])).astype(np.float32)
    want, got = run_float(graph, {"in": x}), run_float(new, {"in": x})
    for name in graph.outs:
        np.testing.assert_allclose(got[name], want[name], atol=2e-4, rtol=1e-4)
    return new


LAYERS = pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D, Dense])


@LAYERS
def test_batch_norm_behind_a_layer(kind: type[Op]) -> None:
    c = 6 if kind is DepthwiseConv2D else 4
    chain = Chain((1, 6, 5, 3)).layer(kind).affine(Mul, c).affine(Add, 1, 1, c)
    graph = simplified(chain.relu(Act.RELU6).graph(), [kind])
    assert getattr(graph.ops[0], "act") is Act.RELU6  # noqa: B009


@LAYERS
def test_subtraction_from_a_constant_and_scalars(kind: type[Op]) -> None:
    chain = Chain((1, 6, 5, 3)).layer(kind).affine(Sub, 1, const_first=True).affine(Mul, 1)
    simplified(chain.affine(Sub, 1, act=Act.RELU).graph(), [kind])


@LAYERS
def test_batch_norm_before_a_layer_without_padding(kind: type[Op]) -> None:
    chain = Chain((1, 6, 5, 3)).affine(Mul, 3).affine(Add, 3)
    simplified(chain.layer(kind, pad=((0, 0), (0, 0))).graph(), [kind])


def test_only_the_factor_passes_padding() -> None:
    chain = Chain((1, 6, 5, 3)).affine(Add, 3).affine(Mul, 3).layer(Conv2D)
    simplified(chain.graph(), [Add, Conv2D])


def test_batch_norm_stops_at_an_activation() -> None:
    chain = Chain((1, 6, 5, 3)).layer(Conv2D, act=Act.RELU).affine(Mul, 4)
    simplified(chain.graph(), [Conv2D, Mul])


def test_batch_norm_stops_where_others_read() -> None:
    chain = Chain((1, 6, 5, 3)).layer(Conv2D)
    middle = chain.x
    simplified(chain.affine(Mul, 4).graph(middle), [Conv2D, Mul])


def test_factors_a_position_stay() -> None:
    chain = Chain((1, 6, 5, 3)).layer(Conv2D).affine(Mul, 6, 5, 4)
    simplified(chain.graph(), [Conv2D, Mul])


def test_shared_weights_are_not_changed_for_the_other_layer() -> None:
    chain = Chain((1, 6, 5, 3)).layer(Conv2D)
    shared, first = chain.ops[0].ins[1:], chain.x
    chain.affine(Mul, 4)
    scaled = chain.x
    chain.add(Conv2D(name="twin", ins=("in", *shared), outs=("twin_out",), pad=SAME))
    assert first != scaled
    simplified(chain.graph(scaled), [Conv2D, Conv2D])


@pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D])
def test_pad_becomes_the_layers_padding(kind: type[Op]) -> None:
    graph = simplified(Chain((1, 6, 5, 3)).pad().layer(kind).graph(), [kind])
    assert getattr(graph.ops[0], "pad") == ((2, 1), (3, 2))  # noqa: B009


def test_pads_that_stay() -> None:
    simplified(Chain((1, 6, 5, 3)).pad(value=1.0).layer(Conv2D).graph(), [Pad, Conv2D])
    simplified(Chain((1, 6, 5, 3)).pad(channels=(1, 0)).layer(Conv2D).graph(), [Pad, Conv2D])
    chain = Chain((1, 6, 5, 3)).pad()
    middle = chain.x
    simplified(chain.layer(Conv2D).graph(middle), [Pad, Conv2D])


@pytest.mark.parametrize("first", list(Act))
@pytest.mark.parametrize("second", [Act.RELU, Act.RELU6, Act.RELU_N1_TO_1])
def test_activations_in_a_row(first: Act, second: Act) -> None:
    """Two clamps are one where some activation has their common interval."""
    one = {first, second} != {Act.RELU_N1_TO_1, Act.RELU} and {first, second} != {
        Act.RELU_N1_TO_1, Act.RELU6}
    graph = Chain((1, 6, 5, 3)).layer(Conv2D, act=first).relu(second).graph()
    simplified(graph, [Conv2D] if one else [Conv2D, Relu])


def test_activation_of_an_addition() -> None:
    chain = Chain((1, 6, 5, 3))
    name, outs = chain.next()
    chain.add(Add(name=name, ins=("in", "in"), outs=outs)).relu(Act.RELU)
    (op,) = simplified(chain.graph(), [Add]).ops
    assert isinstance(op, Add)
    assert op.act is Act.RELU


def test_constants_and_unused_operators_disappear() -> None:
    chain = Chain((1, 6, 5, 3))
    chain.add(Add(name="sum", ins=(chain.normal(3), chain.normal(3)), outs=("total",)))
    chain.add(Mul(name="unused", ins=("in", "total"), outs=("nothing",)))
    chain.add(Relu(name="relu", ins=("in",), outs=("half",), act=Act.RELU))
    chain.add(Add(name="last", ins=("half", "total"), outs=("y",)))
    graph = simplified(chain.graph(), [Relu, Add])
    assert graph.tensor("total").is_const
