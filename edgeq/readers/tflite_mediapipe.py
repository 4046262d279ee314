"""MediaPipe's custom operators, whose options are C structs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeq.errors import ModelError
from edgeq.ops.base import Op
from edgeq.ops.max_unpool import MaxPlace, MaxUnpool
from edgeq.ops.pool import MaxPool
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.ops.windows import same_padding
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import FIX

_SAME_IN_C = 1  # kTfLitePaddingSame


def _fields(node: TfliteNode, count: int) -> list[int]:
    """The first `count` int32 of the options; fewer where there are fewer."""
    raw = node.op.CustomOptionsAsNumpy()
    return [] if isinstance(raw, int) else np.frombuffer(
        raw.tobytes()[:4 * count], "<i4").tolist()


def transpose_conv_bias(node: TfliteNode) -> tuple[Op, ...]:
    """MediaPipe's Convolution2DTransposeBias: a transposed convolution of x, weights and bias.

    Its options are the C struct of padding, stride_w and stride_h.
    """
    fields = _fields(node, 3)
    out, (_, kh, kw, _) = node.tensors[node.outs[0]].shape, node.shape(1)
    if len(fields) != 3 or min(fields[1:]) < 1 or len(out) != 4:
        raise ModelError(node.name, f"options {fields}, output {out}", "padding and two strides",
                         FIX)
    padding, stride = fields[0], (fields[2], fields[1])
    pads = [same_padding(size, k, s, 1)[0] if padding == _SAME_IN_C else 0
            for size, k, s in zip(out[1:3], (kh, kw), stride, strict=True)]
    return (TransposeConv(name=node.name, ins=node.ins, outs=node.outs, size=(out[1], out[2]),
                          stride=stride, top=pads[0], left=pads[1]),)


@dataclass(frozen=True)
class _Pool:
    """What both of MediaPipe's pools take from TfLitePoolParams."""

    same: bool
    stride: tuple[int, int]
    kernel: tuple[int, int]

    @staticmethod
    def of(node: TfliteNode) -> _Pool:
        fields, shape = _fields(node, 6), node.shape(0)
        if len(fields) != 6 or min(fields[1:5]) < 1 or len(shape) != 4 or fields[5]:
            raise ModelError(node.name, f"options {fields}, input {shape}",
                             "padding, two strides, a filter, no activation", FIX)
        return _Pool(fields[0] == _SAME_IN_C, (fields[2], fields[1]), (fields[4], fields[3]))

    def pad(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding of an image."""
        if not self.same:
            return (0, 0), (0, 0)
        return (same_padding(height, self.kernel[0], self.stride[0], 1),
                same_padding(width, self.kernel[1], self.stride[1], 1))


def max_pool_places(node: TfliteNode) -> tuple[Op, ...]:
    """MaxPoolingWithArgmax2D: the maxima, and the place of each in its window."""
    pool, (_, h, w, _) = _Pool.of(node), node.shape(0)
    value, place = node.outs
    pad = pool.pad(h, w)
    return (MaxPool(name=node.name, ins=node.ins, outs=(value,), kernel=pool.kernel,
                    stride=pool.stride, pad=pad),
            MaxPlace(name=f"{node.name}_place", ins=node.ins, outs=(place,), kernel=pool.kernel,
                     stride=pool.stride, pad=pad))


def max_unpool(node: TfliteNode) -> tuple[Op, ...]:
    """MaxUnpooling2D: an image larger by the filter, with the values at their places."""
    pool, (_, h, w, _) = _Pool.of(node), node.shape(0)
    size = (h * pool.kernel[0], w * pool.kernel[1])
    (top, _), (left, _) = pool.pad(*size)
    return (MaxUnpool(name=node.name, ins=node.ins, outs=node.outs, size=size,
                      columns=pool.kernel[1], stride=pool.stride, top=top, left=left),)


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    "CUSTOM Convolution2DTransposeBias": transpose_conv_bias,
    "CUSTOM MaxPoolingWithArgmax2D": max_pool_places,
    "CUSTOM MaxUnpooling2D": max_unpool,
}
