"""ONNX convolutions and pools: explicit padding, channels last, one or two spatial axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeq.errors import ModelError
from edgeq.ops.concat import Concat
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.reduce import Mean
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_node import TO_FIRST, TO_LAST, OnnxNode, Weights

Pair = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Geometry of a window over (h, w); padding as (before, after) for each."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    pad: tuple[Pair, Pair]


def windows(node: OnnxNode, kernel: tuple[int, ...]) -> Windows:
    """The geometry of `node`, whose first input is (n, c, h, w) or (n, c, w)."""
    size, rank = node.shape(0)[2:], len(kernel)
    stride = node.integers("strides") or (1,) * rank
    dilation = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    known = len(size) == len(stride) == len(dilation) == rank == len(pads) // 2
    if not known or min(*kernel, *stride, *dilation, 1) < 1:
        raise ModelError(node.place, f"kernel {kernel}, strides {stride}, dilations {dilation}, "
                         f"pads {pads} over an input of shape {node.shape(0)}",
                         "positive numbers, one for each axis", FIX)
    node.require(min(pads) >= 0, f"pads {pads}", "no negative padding", "slice instead")
    auto = node.text("auto_pad", "NOTSET")
    pairs = []
    for i in range(rank):
        span = (kernel[i] - 1) * dilation[i] + 1
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            total = max(0, (-(-size[i] // stride[i]) - 1) * stride[i] + span - size[i])
            less, more = total // 2, total - total // 2
            pair = (less, more) if auto == "SAME_UPPER" else (more, less)
        else:
            pair = (0, 0) if auto == "VALID" else (pads[i], pads[rank + i])
        if node.integer("ceil_mode", 0):
            pair = _ceil(size[i], span, stride[i], pair)
        if size[i] + sum(pair) < span:
            raise ModelError(node.place, f"a window of {span} over {size[i]} values", "", FIX)
        pairs.append(pair)
    return Windows(two(kernel, 1), two(stride, 1), two(dilation, 1),
                   ((0, 0), pairs[0]) if rank == 1 else (pairs[0], pairs[1]))


def _ceil(size: int, span: int, stride: int, pad: Pair) -> Pair:
    """`pad` with as much more behind as the last, incomplete window needs."""
    out = -(-(size + sum(pad) - span) // stride) + 1
    if (out - 1) * stride >= size + pad[0]:
        out -= 1
    return pad[0], max(pad[1], (out - 1) * stride + span - size - pad[0])


def two(values: tuple[int, ...], missing: int) -> Pair:
    return (missing, values[0]) if len(values) == 1 else (values[0], values[1])


def last(node: OnnxNode, x: str) -> str:
    """`x` (n, c, h, w) or (n, c, w) as (n, h, w, c), h 1 where it is missing."""
    shape = node.tensors[x].shape
    node.require(len(shape) in (3, 4), f"a tensor of shape {shape}", "one or two spatial axes",
                 "edgeq has no 3-D convolutions or pools")
    if len(shape) == 3:
        x = node.reshaped(x, (shape[0], shape[1], 1, shape[2]))
    return node.transposed(x, TO_LAST)


def first(node: OnnxNode, x: str) -> None:
    """`x` (n, h, w, c) in the file's order as the node's output."""
    if len(node.shape(0)) == 3:
        x = node.transposed(x, TO_FIRST)
        n, c, _, w = node.tensors[x].shape
        node.reshaped(x, (n, c, w), node.outs[0])
    else:
        node.transposed(x, TO_FIRST, node.outs[0])


def conv(node: OnnxNode) -> None:
    """Conv: one group, one group a channel, or a slice and a convolution for every group."""
    w = node.weights(1)
    shape, x_shape = w.data.shape, node.shape(0)
    groups = node.integer("group", 1)
    node.require(len(shape) in (3, 4) and len(shape) == len(x_shape),
                 f"weights of shape {shape} for an input of shape {x_shape}",
                 "one or two spatial axes", "edgeq has no 3-D convolutions")
    if groups < 1 or x_shape[1] != groups * shape[1] or shape[0] % groups:
        raise ModelError(node.place, f"{groups} groups, {x_shape[1]} channels, weights {shape}",
                         "channels that divide into the groups", FIX)
    b = node.weights(2) if node.has(2) else None
    if b is not None and b.data.shape != shape[:1]:
        raise ModelError(node.place, f"a bias of shape {b.data.shape} for {shape[0]} filters", "",
                         FIX)
    geometry = windows(node, shape[2:])
    if len(shape) == 3:
        w = w.widened()
    x = last(node, node.ins[0])
    if groups > 1 and shape[1] == 1:
        ins = node.layer_constants(x, w.transpose((1, 2, 3, 0)), b, 3)
        y = node.emit(DepthwiseConv2D(
            name=node.label(), ins=ins, outs=(node.temp("conv"),), stride=geometry.stride,
            dilation=geometry.dilation, pad=geometry.pad))
    else:
        y = by_groups(node, x, groups, lambda part, i: conv_by(
            node, part, of_group(w, i, groups), b and of_group(b, i, groups), geometry))
    first(node, y)


def conv_by(node: OnnxNode, x: str, w: Weights, b: Weights | None, at: Windows) -> str:
    """The convolution of x (n, h, w, in_c) by weights (out_c, in_c, kh, kw)."""
    ins = node.layer_constants(x, w.transpose((0, 2, 3, 1)), b, 0)
    return node.emit(Conv2D(name=node.label(), ins=ins, outs=(node.temp("conv"),),
                            stride=at.stride, dilation=at.dilation, pad=at.pad))


def by_groups(node: OnnxNode, x: str, groups: int, layer: Callable[[str, int], str]) -> str:
    """What `layer` gives for each of the groups of channels of x (n, h, w, c), and its number."""
    if groups == 1:
        return layer(x, 0)
    n, h, width, c = node.tensors[x].shape
    parts, each = [], c // groups
    for i in range(groups):
        cuts = (Cut(0, n, 1), Cut(0, h, 1), Cut(0, width, 1), Cut(i * each, each, 1))
        part = node.emit(Slice(name=node.label(), ins=(x,), outs=(node.temp("group"),), cuts=cuts))
        parts.append(layer(part, i))
    return node.emit(Concat(name=node.label(), ins=tuple(parts), outs=(node.temp("groups"),),
                            axis=3))


def of_group(w: Weights, i: int, groups: int) -> Weights:
    """The rows of axis 0 that belong to group `i`."""
    each = w.data.shape[0] // groups
    return w if groups == 1 else w.part(slice(i * each, (i + 1) * each))


def max_pool(node: OnnxNode) -> None:
    node.require(len([o for o in node.outs if o]) == 1, "gives the places of the maxima too",
                 "one output", "export without the indices")
    at = windows(node, _kernel(node))
    node.require(at.dilation == (1, 1), f"dilation {at.dilation}", "1", "pool without dilation")
    x = last(node, node.ins[0])
    first(node, node.emit(MaxPool(name=node.label(), ins=(x,), outs=(node.temp("pool"),),
                                  kernel=at.kernel, stride=at.stride, pad=at.pad)))


def average_pool(node: OnnxNode) -> None:
    at = windows(node, _kernel(node))
    node.require(at.dilation == (1, 1), f"dilation {at.dilation}", "1", "pool without dilation")
    x, pad = last(node, node.ins[0]), at.pad
    if node.integer("count_include_pad", 0) and pad != ((0, 0), (0, 0)):
        stated = node.integers("pads") or ()
        auto = node.text("auto_pad", "NOTSET") != "NOTSET" or not stated
        half = len(stated) // 2
        pairs = pad if auto else tuple(zip(stated[:half], stated[half:], strict=True))
        if len(pairs) == 1:
            pairs = ((0, 0), *pairs)
        x = node.emit(Pad(name=node.label(), ins=(x,), outs=(node.temp("pad"),),
                          pads=((0, 0), *pairs, (0, 0))))
        rest = [(p[0] - q[0], p[1] - q[1]) for p, q in zip(pad, pairs, strict=True)]
        pad = (rest[0], rest[1])
    first(node, node.emit(AveragePool(name=node.label(), ins=(x,), outs=(node.temp("pool"),),
                                      kernel=at.kernel, stride=at.stride, pad=pad)))


def _kernel(node: OnnxNode) -> tuple[int, ...]:
    kernel = node.integers("kernel_shape")
    if not kernel:
        raise node.bad("kernel_shape")
    return kernel


def global_average_pool(node: OnnxNode) -> None:
    axes = tuple(range(2, len(node.shape(0))))
    node.emit(Mean(name=node.label(), ins=node.ins, outs=node.outs, axes=axes, keep_dims=True))


def global_max_pool(node: OnnxNode) -> None:
    shape, x = node.shape(0), last(node, node.ins[0])
    kernel = two(shape[2:], 1)
    first(node, node.emit(MaxPool(name=node.label(), ins=(x,), outs=(node.temp("pool"),),
                                  kernel=kernel)))


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "Conv": conv,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
}
