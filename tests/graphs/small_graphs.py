"""Integer graphs for tests: a builder with a seeded generator, and random small networks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgeq.ir import Array, Graph, IntArray, QuantParams, Tensor, dtype_of
from edgeq.ops.activations import Logistic
from edgeq.ops.base import Act, Op
from edgeq.ops.concat import Concat
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax
from edgeq.ops.windows import same_padding


def params(scale: float, zero: int) -> QuantParams:
    return QuantParams(np.asarray(scale), np.asarray(zero))


@dataclass
class Builder:
    """Grows an integer graph; every method returns the name of its output."""

    rng: np.random.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)

    def input(self, name: str, *shape: int) -> str:
        self.tensors[name] = Tensor(name, (1, *shape), q=self._params())
        return name

    def graph(self, ins: list[str], outs: list[str], name: str = "tiny") -> Graph:
        return Graph(self.tensors, tuple(self.ops), tuple(ins), tuple(outs), name)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def _params(self) -> QuantParams:
        return params(float(self.rng.uniform(0.01, 0.1)), int(self.rng.integers(-128, 128)))

    def _name(self, kind: str) -> str:
        return f"{kind}_{len(self.ops)}"

    def _add(self, op: Op, q: QuantParams) -> str:
        shapes = [self.shape(n) for n in op.ins]
        self.tensors[op.outs[0]] = Tensor(op.outs[0], op.shape(*shapes)[0], q=q)
        self.ops.append(op)
        return op.outs[0]

    def _weights(self, name: str, x: str, shape: tuple[int, ...], axis: int) -> tuple[str, str]:
        """Weight and bias constants of a layer that reads `x`, with per-channel scales."""
        out_c, taps = shape[axis], int(np.prod(shape)) // shape[axis]
        scale = self.rng.uniform(0.5, 1.5, out_c) / (128 * np.sqrt(taps))
        q_w = QuantParams(scale, np.zeros(out_c, np.int32), axis=axis)
        q_b = QuantParams(scale * self.tensors[x].params.scale, np.zeros(out_c, np.int32), 32, 0)
        self._const(f"{name}_w", self.rng.integers(-127, 128, shape).astype(np.int8), q_w)
        self._const(f"{name}_b", self.rng.integers(-2000, 2000, out_c).astype(np.int32), q_b)
        return f"{name}_w", f"{name}_b"

    def _const(self, name: str, data: Array, q: QuantParams) -> None:
        self.tensors[name] = Tensor(name, data.shape, data, q)

    def conv(self, x: str, out_c: int, k: int = 3, stride: int = 1, act: Act = Act.RELU) -> str:
        name = self._name("conv")
        _, h, w, c = self.shape(x)
        weights = self._weights(name, x, (out_c, k, k, c), 0)
        pad = (same_padding(h, k, stride, 1), same_padding(w, k, stride, 1))
        return self._add(Conv2D(name=name, ins=(x, *weights), outs=(f"{name}_y",),
                                stride=(stride, stride), pad=pad, act=act), self._params())

    def depthwise(self, x: str, k: int = 3, stride: int = 1) -> str:
        name = self._name("depthwise")
        _, h, w, c = self.shape(x)
        weights = self._weights(name, x, (1, k, k, c), 3)
        pad = (same_padding(h, k, stride, 1), same_padding(w, k, stride, 1))
        return self._add(DepthwiseConv2D(name=name, ins=(x, *weights), outs=(f"{name}_y",),
                                         stride=(stride, stride), pad=pad, act=Act.RELU6),
                         self._params())

    def dense(self, x: str, out_c: int) -> str:
        name = self._name("dense")
        weights = self._weights(name, x, (out_c, self.shape(x)[-1]), 0)
        return self._add(Dense(name=name, ins=(x, *weights), outs=(f"{name}_y",)), self._params())

    def add(self, a: str, b: str) -> str:
        name = self._name("add")
        return self._add(Add(name=name, ins=(a, b), outs=(f"{name}_y",)), self._params())

    def concat(self, *xs: str) -> str:
        name = self._name("concat")
        return self._add(Concat(name=name, ins=xs, outs=(f"{name}_y",), axis=3), self._params())

    def pool(self, x: str, kind: type[MaxPool] | type[AveragePool], k: int = 2) -> str:
        name = self._name("pool")
        return self._add(kind(name=name, ins=(x,), outs=(f"{name}_y",), kernel=(k, k),
                              stride=(k, k)), self.tensors[x].params)

    def logistic(self, x: str) -> str:
        name = self._name("logistic")
        return self._add(Logistic(name=name, ins=(x,), outs=(f"{name}_y",)), params(1 / 256, -128))

    def softmax(self, x: str) -> str:
        name = self._name("softmax")
        return self._add(Softmax(name=name, ins=(x,), outs=(f"{name}_y",)), params(1 / 256, -128))

    def flatten(self, x: str) -> str:
        name = self._name("flatten")
        size = self.tensors[x].size
        return self._add(Reshape(name=name, ins=(x,), outs=(f"{name}_y",), to=(1, size)),
                         self.tensors[x].params)


def chain() -> Graph:
    """conv -> pool -> flatten -> dense -> softmax on a 6x6x2 input."""
    b = Builder(np.random.default_rng(1))
    x = b.pool(b.conv(b.input("x", 6, 6, 2), 4), MaxPool)
    return b.graph(["x"], [b.softmax(b.dense(b.flatten(x), 3))], "chain")


def branches() -> Graph:
    """Two inputs and two outputs, a residual sum, a concatenation, awkward names."""
    b = Builder(np.random.default_rng(2))
    left, right = b.input("left/in:0", 4, 4, 3), b.input("right */ in", 4, 4, 3)
    total = b.add(b.conv(left, 3, k=1), b.depthwise(right))
    joined = b.concat(total, left)
    return b.graph([left, right], [b.logistic(total), b.conv(joined, 2, k=1, act=Act.NONE)],
                   "branches")


def random_graph(seed: int) -> Graph:
    """Up to eight layers of every kind, with branches that join, one or two outputs."""
    rng = np.random.default_rng(seed)
    b = Builder(rng)
    size = int(rng.integers(3, 9))
    here = [b.input("x", size, size, int(rng.choice([1, 2, 3, 4, 8])))]
    for _ in range(int(rng.integers(1, 9))):
        x = here[int(rng.integers(len(here)))]
        _, h, w, c = b.shape(x)
        kind = int(rng.integers(7))
        if kind == 0:
            here.append(b.conv(x, int(rng.integers(1, 10)), int(rng.choice([1, 3])),
                               int(rng.integers(1, 3))))
        elif kind == 1:
            here.append(b.depthwise(x, int(rng.choice([3, 5])), int(rng.integers(1, 3))))
        elif kind == 2:
            here.append(b.conv(x, c, 1, 1, Act.NONE))
        elif kind == 3 and min(h, w) >= 2:
            pool = MaxPool if rng.random() < 0.5 else AveragePool
            here.append(b.pool(x, pool))
        elif kind == 4:
            same = [n for n in here if b.shape(n) == b.shape(x)]
            here.append(b.add(x, same[int(rng.integers(len(same)))]))
        elif kind == 5:
            same = [n for n in here if b.shape(n)[:3] == b.shape(x)[:3]]
            here.append(b.concat(x, same[int(rng.integers(len(same)))]))
        else:
            here.append(b.logistic(x))
    outs = [here[-1]]
    if rng.random() < 0.5:
        outs[-1] = b.dense(b.flatten(here[-1]), int(rng.integers(1, 12)))
    if len(here) > 2 and rng.random() < 0.5:
        outs.append(here[int(rng.integers(1, len(here) - 1))])
    return b.graph(["x"], outs, f"net{seed}")


def random_input(graph: Graph, count: int, seed: int) -> dict[str, IntArray]:
    """`count` samples for every graph input, over the whole integer range."""
    rng = np.random.default_rng(seed)
    result = {}
    for name in graph.ins:
        q = graph.tensor(name).params
        result[name] = rng.integers(q.qmin, q.qmax + 1, (count, *graph.tensor(name).shape[1:])
                                    ).astype(dtype_of(q.bits))
    return result
