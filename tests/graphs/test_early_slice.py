"""Slices move in front of what computes rows by themselves; the function stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, Tensor
from edgeq.ops.activations import Gelu
from edgeq.ops.base import Op
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.matmul import MatMul
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax
from edgeq.passes.early_slice import early_slice
from edgeq.quant import quantize
from edgeq.recipe import Recipe

T, D, HEADS = 7, 6, 2


@dataclass
class Net:
    """Operators one after the other; constants are random."""

    tensors: dict[str, Tensor] = field(default_factory=lambda: {"x": Tensor("x", (1, T, D))})
    ops: list[Op] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(4))

    def const(self, *shape: int) -> str:
        name = f"c{len(self.tensors)}"
        data = self.rng.normal(0, 0.5, shape).astype(np.float32)
        self.tensors[name] = Tensor(name, shape, data)
        return name

    def add(self, cls: type[Op], *ins: str, **more: object) -> str:
        out = f"t{len(self.ops)}"
        op = cls(name=f"op{len(self.ops)}", ins=ins, outs=(out,), **more)
        self.tensors[out] = Tensor(out, op.shape(*(self.tensors[n].shape for n in ins))[0])
        self.ops.append(op)
        return out

    def dense(self, x: str, out_c: int = D) -> str:
        in_c = self.tensors[x].shape[-1]
        return self.add(Dense, x, self.const(out_c, in_c), self.const(out_c), keep_dims=True)

    def norm(self, x: str) -> str:
        return self.add(LayerNorm, x, self.const(D), self.const(D), epsilon=1e-5)

    def heads(self, x: str) -> str:
        return self.add(Reshape, x, to=(1, T, HEADS, D // HEADS))

    def cut(self, x: str, rows: Cut, drop: tuple[int, ...] = ()) -> str:
        return self.add(Slice, x, cuts=(Cut(0, 1, 1), rows, Cut(0, D, 1)), drop=drop)

    def graph(self, *outs: str) -> Graph:
        return Graph(self.tensors, tuple(self.ops), ("x",), outs)


def block(net: Net) -> str:
    """A transformer block whose input has a position added."""
    x = net.add(Add, "x", net.const(1, T, D))
    y = net.norm(x)
    q, k, v = (net.heads(net.dense(y)) for _ in range(3))
    scores = net.add(MatMul, q, k, a_axes=(0, 2, 1, 3), b_axes=(0, 2, 3, 1),
                     y_axes=(0, 1, 2, 3))
    mixed = net.add(MatMul, net.add(Softmax, scores), v, a_axes=(0, 1, 2, 3),
                    b_axes=(0, 2, 1, 3), y_axes=(0, 2, 1, 3))
    x = net.add(Add, x, net.dense(net.add(Reshape, mixed, to=(1, T, D))))
    return net.add(Add, x, net.dense(net.add(Gelu, net.dense(net.norm(x), 12))))


def same(before: Graph, after: Graph) -> None:
    """Reals to rounding, integers to the byte."""
    x = np.random.default_rng(1).normal(size=(5, T, D)).astype(np.float32)
    wanted, got = run_float(before, {"x": x}), run_float(after, {"x": x})
    for name in before.outs:
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-4, atol=1e-5)
    ints = quantize(before, x, Recipe(rollback=False)).graph
    q = ints.tensor("x").params.quantize(x)
    want, have = run_int(ints, {"x": q}), run_int(early_slice(ints), {"x": q})
    for name in before.outs:
        np.testing.assert_array_equal(have[name], want[name])


@pytest.mark.parametrize(("rows", "drop"), [(Cut(0, 1, 1), ()), (Cut(0, 1, 1), (1,)),
                                            (Cut(2, 3, 1), ()), (Cut(5, 3, -2), ())])
def test_a_transformer_block_computes_what_is_read(rows: Cut, drop: tuple[int, ...]) -> None:
    net = Net()
    before = net.graph(net.cut(block(net), rows, drop))
    after = early_slice(before)
    same(before, after)
    size = {op.outs[0]: after.tensor(op.outs[0]).shape for op in after.ops}
    full = [type(op).__name__ for op in after.ops if size[op.outs[0]][1:2] == (T,)]
    # what all rows are needed for: the position, the norm, keys and values as heads
    assert Counter(full) == {"Add": 1, "LayerNorm": 1, "Dense": 2, "Reshape": 2}
    assert sum(op.macs(after) for op in after.ops) < 0.7 * sum(op.macs(before)
                                                               for op in before.ops)


def test_what_others_read_stays() -> None:
    net = Net()
    y = net.add(Gelu, net.dense("x"))
    before = net.graph(net.cut(y, Cut(0, 1, 1)), net.add(Softmax, y))
    assert [type(o) for o in early_slice(before).ops] == [type(o) for o in before.ops]


def test_rows_that_depend_on_one_another_stay() -> None:
    net = Net()
    turned = net.add(Reshape, net.dense("x"), to=(1, D, T))
    back = net.add(Reshape, net.add(Softmax, turned), to=(1, T, D))
    before = net.graph(net.cut(back, Cut(0, 1, 1)))
    assert early_slice(before).ops == before.ops


def test_a_cut_of_channels_stays_behind_layers_and_norms() -> None:
    net = Net()
    y = net.add(Gelu, net.norm("x"))
    before = net.graph(net.add(Slice, y, cuts=(Cut(0, 1, 1), Cut(0, T, 1), Cut(1, 2, 1))))
    after = early_slice(before)
    same(before, after)
    assert [type(o) for o in after.ops] == [LayerNorm, Slice, Gelu]
