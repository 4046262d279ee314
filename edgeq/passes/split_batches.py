"""Operators on images over a batch that the graph makes itself: one operator an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.concat import Pack
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.pad import Pad
from edgeq.ops.pool import Pool
from edgeq.ops.reshape import Reshape
from edgeq.ops.resize import Resize
from edgeq.ops.transpose_conv import TransposeConv

_ONE_IMAGE = (Conv2D, DepthwiseConv2D, Pad, Pool, Resize, TransposeConv)


def split_batches(graph: Graph) -> Graph:
    """`graph` in which every operator on images gets one image a sample.

    Where no window reaches over two rows, the images stand one below the other as one image;
    else each gets an operator of its own, with the same weights.
    """
    tensors, ops = dict(graph.tensors), list[Op]()
    for op in graph.ops:
        if isinstance(op, _ONE_IMAGE) and _several(op, graph.tensor(op.ins[0]).shape):
            steps = _stacked if _rows_apart(op, graph) else _each
            ops += steps(op, graph, tensors)
        else:
            ops.append(op)
    return graph.replace(tensors=tensors, ops=tuple(ops))


def _several(op: Op, shape: Shape) -> bool:
    """True for a batch that the kernels of `op` do not take."""
    return shape[0] > 1 and not (isinstance(op, Pad) and op.runs(shape) is not None)


def _rows_apart(op: Op, graph: Graph) -> bool:
    """True where each row of the output comes from rows of one image alone."""
    shape = graph.tensor(op.ins[0]).shape
    if isinstance(op, Conv2D | DepthwiseConv2D):
        rows = graph.tensor(op.ins[1]).shape[1]
    elif isinstance(op, Pool):
        rows = op.kernel[0]
    else:
        return False
    return op.pad[0] == (0, 0) and rows == op.stride[0] and shape[1] % rows == 0


def _stacked(op: Op, graph: Graph, tensors: dict[str, Tensor]) -> Iterator[Op]:
    """`op` on (1, n * h, w, c) in the place of (n, h, w, c)."""
    (n, h, *rest), x = graph.tensor(op.ins[0]).shape, f"{op.name}/stacked"
    yield _viewed(op.ins[0], x, (1, n * h, *rest), tensors)
    y = f"{op.name}/all"
    yield from _run(op, x, y, tensors)
    yield _viewed(y, op.outs[0], graph.tensor(op.outs[0]).shape, tensors)


def _each(op: Op, graph: Graph, tensors: dict[str, Tensor]) -> Iterator[Op]:
    """`op` on one image after the other."""
    shape, x, parts = graph.tensor(op.ins[0]).shape, f"{op.name}/images", list[str]()
    yield _viewed(op.ins[0], x, (1, *shape), tensors)
    for i in range(shape[0]):
        name, y = f"{op.name}/{i}", f"{op.outs[0]}/{i}"
        cuts = (Cut(0, 1, 1), Cut(i, 1, 1), *(Cut(0, size, 1) for size in shape[1:]))
        image = f"{name}/image"
        tensors[image] = replace(tensors[op.ins[0]], name=image, shape=(1, *shape[1:]))
        yield Slice(name=image, ins=(x,), outs=(image,), cuts=cuts, drop=(1,))
        yield from _run(replace(op, name=name), image, y, tensors)
        parts.append(y)
    out, joined = graph.tensor(op.outs[0]), f"{op.name}/joined"
    tensors[joined] = replace(out, name=joined, shape=(1, *out.shape))
    yield Pack(name=joined, ins=tuple(parts), outs=(joined,), axis=1)
    yield _viewed(joined, out.name, out.shape, tensors)


def _run(op: Op, x: str, y: str, tensors: dict[str, Tensor]) -> Iterator[Op]:
    """`op` from `x` to `y`."""
    made = replace(op, ins=(x, *op.ins[1:]), outs=(y,))
    (shape,) = made.shape(*(tensors[n].shape for n in made.ins))
    tensors[y] = replace(tensors[op.outs[0]], name=y, shape=shape)
    yield made


def _viewed(x: str, y: str, to: Shape, tensors: dict[str, Tensor]) -> Reshape:
    tensors[y] = replace(tensors[x], name=y, shape=to)
    return Reshape(name=f"{y}/view", ins=(x,), outs=(y,), to=to)
