"""Integer graphs over a window of time, for the tests of streaming; and their windowed runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from small_graphs import Builder

from edgeq.execute import run_int
from edgeq.ir import Graph, IntArray
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.reduce import Mean
from edgeq.ops.reshape import Reshape
from edgeq.ops.windows import same_padding

Pads = tuple[int, int]


class TimeBuilder(Builder):
    """Adds layers that work along axis 1 of (1, frames, bands, channels), or along axis 2."""

    def along(self, x: str, k: int, *, out_c: int = 4, stride: int = 1, dilation: int = 1,
              pad: Pads = (0, 0), axis: int = 1, depthwise: bool = False) -> str:
        """A convolution with `k` taps in time and one in the other direction."""
        name = self._name("conv")
        c = self.shape(x)[3]
        taps, one = ((k, 1), 1) if axis == 1 else ((1, k), 1)
        both = {"stride": (stride, one), "dilation": (dilation, one), "pad": (pad, (0, 0))}
        if axis == 2:
            both = {key: (value[1], value[0]) for key, value in both.items()}
        if depthwise:
            weights = self._weights(name, x, (1, *taps, c), 3)
            op = DepthwiseConv2D(name=name, ins=(x, *weights), outs=(f"{name}_y",),
                                 act=Act.RELU, **both)  # type: ignore[arg-type]
            return self._add(op, self._params())
        weights = self._weights(name, x, (out_c, *taps, c), 0)
        return self._add(Conv2D(name=name, ins=(x, *weights), outs=(f"{name}_y",), act=Act.RELU,
                                **both), self._params())  # type: ignore[arg-type]

    def same(self, x: str, k: int, stride: int = 1, **more: int) -> str:
        """The same with TensorFlow's SAME padding in time."""
        return self.along(x, k, stride=stride,
                          pad=same_padding(self.shape(x)[1], k, stride, 1), **more)

    def causal(self, x: str, k: int, dilation: int = 1, axis: int = 1) -> str:
        """The same padded in front only, as temporal convolutional networks have it."""
        return self.along(x, k, dilation=dilation, pad=((k - 1) * dilation, 0), axis=axis,
                          out_c=self.shape(x)[3])

    def reshape(self, x: str, *to: int) -> str:
        name = self._name("reshape")
        return self._add(Reshape(name=name, ins=(x,), outs=(f"{name}_y",), to=to),
                         self.tensors[x].params)

    def transpose(self, x: str, *perm: int) -> str:
        name = self._name("transpose")
        return self._add(Transpose(name=name, ins=(x,), outs=(f"{name}_y",), perm=perm),
                         self.tensors[x].params)

    def last(self, x: str, axis: int = 1) -> str:
        """The last row of time."""
        name, shape = self._name("last"), self.shape(x)
        cuts = tuple(Cut(n - 1, 1, 1) if i == axis else Cut(0, n, 1) for i, n in enumerate(shape))
        return self._add(Slice(name=name, ins=(x,), outs=(f"{name}_y",), cuts=cuts, drop=(axis,)),
                         self.tensors[x].params)

    def mean(self, x: str, *axes: int) -> str:
        name = self._name("mean")
        return self._add(Mean(name=name, ins=(x,), outs=(f"{name}_y",), axes=axes), self._params())

    def mul(self, a: str, b: str) -> str:
        name = self._name("mul")
        return self._add(Mul(name=name, ins=(a, b), outs=(f"{name}_y",)), self._params())

    def shift_by(self, x: str) -> str:
        """x plus a constant for each channel."""
        name = self._name("bias")
        self._const(f"{name}_c", self.rng.integers(-90, 90, self.shape(x)[3:]).astype(np.int8),
                    self._params())
        return self._add(Add(name=name, ins=(x, f"{name}_c"), outs=(f"{name}_y",)), self._params())

    def pooled(self, x: str, k: int, stride: int, kind: type[MaxPool] | type[AveragePool],
               pad: Pads = (0, 0)) -> str:
        name = self._name("pool")
        return self._add(kind(name=name, ins=(x,), outs=(f"{name}_y",), kernel=(k, 1),
                              stride=(stride, 1), pad=(pad, (0, 0))), self.tensors[x].params)


def ds_cnn(seed: int = 1) -> Graph:
    """A small keyword network: stride 2 and SAME padding in time, depthwise layers, a mean."""
    b = TimeBuilder(np.random.default_rng(seed))
    x = b.input("x", 21, 3, 2)
    y = b.same(x, 5, stride=2)
    y = b.same(y, 3, depthwise=True)
    y = b.along(y, 1, out_c=6)
    y = b.same(y, 3, depthwise=True)
    y = b.mean(y, 1, 2)
    return b.graph([x], [b.softmax(b.dense(y, 5))])


def valid_net(seed: int = 2) -> Graph:
    """No padding: strides, dilation, pools, a constant operand, another output."""
    b = TimeBuilder(np.random.default_rng(seed))
    x = b.input("x", 32, 2, 3)
    y = b.shift_by(b.along(x, 4, stride=2))
    y = b.pooled(y, 2, 1, MaxPool)
    z = b.along(y, 3, dilation=2, depthwise=True)
    z = b.pooled(z, 2, 2, AveragePool)
    return b.graph([x], [b.dense(b.flatten(z), 4), b.dense(b.flatten(b.last(z)), 3)])


def gated_net(seed: int = 3) -> Graph:
    """A gate computed from the whole window (squeeze and excite), then two joined branches."""
    b = TimeBuilder(np.random.default_rng(seed))
    x = b.input("x", 12, 2, 4)
    y = b.same(x, 3)
    pooled = b.pool(y, AveragePool, 2)
    gate = b.reshape(b.logistic(b.mean(y, 1, 2)), 1, 1, 1, 4)
    z = b.mul(y, gate)
    z = b.concat(b.same(z, 3), b.along(y, 1))
    return b.graph([x], [b.mean(z, 1, 2), b.flatten(pooled)])


def tcn(seed: int = 4, frames: int = 20, axis: int = 1) -> Graph:
    """Dilated causal convolutions with residuals; a row of outputs for every frame."""
    b = TimeBuilder(np.random.default_rng(seed))
    x = b.input("x", *((frames, 1) if axis == 1 else (1, frames)), 5)
    y = x
    for dilation in (1, 2, 4):
        y = b.add(y, b.causal(y, 3, dilation, axis))
    y = b.reshape(y, 1, frames, 5)
    return b.graph([x], [b.logistic(y)])


def tcn_last(seed: int = 5, frames: int = 9) -> Graph:
    """The same, of which only the last frame's row is used; it reaches 15 frames back."""
    b = TimeBuilder(np.random.default_rng(seed))
    x = b.input("x", frames, 1, 4)
    y = x
    for dilation in (1, 2, 4):
        y = b.add(y, b.causal(y, 3, dilation))
    return b.graph([x], [b.dense(b.flatten(b.last(b.transpose(y, 0, 2, 1, 3), axis=2)), 3)])


def frames_of(graph: Graph, axis: int, count: int, seed: int = 9) -> IntArray:
    """Two streams of `count` random frames: (2, count, *rest of a frame)."""
    shape = graph.tensor(graph.ins[0]).shape
    rest = (*shape[1:axis], *shape[axis + 1:])
    return np.random.default_rng(seed).integers(-128, 128, (2, count, *rest)).astype(np.int8)


def as_input(frames: IntArray, axis: int) -> IntArray:
    """(n, frames, ...) with time at `axis`."""
    return np.ascontiguousarray(np.moveaxis(frames, 1, axis))


def steps_of(frames: IntArray, hop: int, axis: int) -> IntArray:
    """(n, steps, ...) with `hop` frames at `axis` of every step."""
    n, count = frames.shape[:2]
    parts = frames.reshape(n, count // hop, hop, *frames.shape[2:])
    return np.ascontiguousarray(np.moveaxis(parts, 2, 1 + axis))


def windowed(graph: Graph, frames: IntArray, hop: int, axis: int) -> dict[str, Sequence[IntArray]]:
    """What `graph` gives after every `hop` frames for the newest window, zeros before the first."""
    (source,) = graph.ins
    size = graph.tensor(source).shape[axis]
    zero = graph.tensor(source).params.quantize(np.zeros(()))
    n = len(frames)
    before = np.full((n, size, *frames.shape[2:]), zero, np.int8)
    whole = np.concatenate([before, frames], 1)
    found: dict[str, list[IntArray]] = {name: [] for name in graph.outs}
    for end in range(size + hop, whole.shape[1] + 1, hop):
        for name, y in run_int(graph, {source: as_input(whole[:, end - size:end], axis)}).items():
            found[name].append(y)
    return found  # type: ignore[return-value]
