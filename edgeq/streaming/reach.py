"""Which rows of time an operator reads for a row of its output, and the operator on some rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from edgeq.ir import Graph
from edgeq.ops.base import Op, Shape
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Binary
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.lut import Unary
from edgeq.ops.minmax import MinMax
from edgeq.ops.pad import Pad
from edgeq.ops.pool import Pool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Reduce
from edgeq.ops.reshape import Reshape
from edgeq.ops.row_sums import RowSums
from edgeq.ops.softmax import Softmax

Rows = tuple[int, int]  # from the first up to, without, the second
Windowed = Conv2D | DepthwiseConv2D | Pool


@dataclass(frozen=True)
class Reach:
    """Row r of the output, along its `axis`, reads the input rows r * stride - before and the
    span - 1 behind that one.
    """

    axis: int
    stride: int = 1
    before: int = 0
    span: int = 1

    def reads(self, rows: Rows) -> Rows:
        """The input rows that the output `rows` read, padding included."""
        first, end = rows
        return first * self.stride - self.before, (
            (end - 1) * self.stride - self.before + self.span)


def reach_of(g: Graph, op: Op, axes: Mapping[str, int]) -> Reach | None:
    """How `op` reads its inputs along time, whose axis `axes` gives for those that have one.

    None for an operator that mixes rows of time in another way, or that is not known here: its
    output counts as made of all rows.
    """
    axis = axes[next(n for n in op.ins if n in axes)]
    if isinstance(op, Windowed) and op.ins[0] in axes:
        return _window(g, op, axis)
    if isinstance(op, RowSums):
        return Reach(1) if axis == op.axis else None
    if isinstance(op, Unary) or (isinstance(op, Pad) and op.pads[axis] == (0, 0)):
        return Reach(axis)
    if isinstance(op, Binary | MinMax | PRelu):
        return Reach(axis) if _aligned(g, op, axes, axis) else None
    last = len(g.tensor(op.ins[0]).shape) - 1
    if isinstance(op, Softmax) or (isinstance(op, Dense) and op.keep_dims):
        return Reach(axis) if axis < last and op.ins[0] in axes else None
    if isinstance(op, Concat) and not isinstance(op, Pack):
        alike = all(axes.get(n) == axis for n in op.ins)
        return Reach(axis) if alike and op.axis != axis else None
    if isinstance(op, Transpose):
        return Reach(op.perm.index(axis))
    if isinstance(op, Reduce) and axis not in op.axes:
        return Reach(axis if op.keep_dims else axis - sum(a < axis for a in op.axes))
    if isinstance(op, Slice) and axis not in op.drop and op.cuts[axis].step > 0:
        cut = op.cuts[axis]
        return Reach(axis - sum(a < axis for a in op.drop), cut.step, -cut.start)
    return _reshape(g, op, axis) if isinstance(op, Reshape) else None


def _window(g: Graph, op: Windowed, axis: int) -> Reach | None:
    if axis not in (1, 2):
        return None
    window = op.window if isinstance(op, Pool) else op.window(g.tensor(op.ins[1]).shape)
    i = axis - 1
    span = ((window.kh, window.kw)[i] - 1) * window.dilation[i] + 1
    return Reach(axis, window.stride[i], window.pad[i][0], span)


def _aligned(g: Graph, op: Op, axes: Mapping[str, int], axis: int) -> bool:
    """True where every operand has the output's rows, or is a constant that is equal in all."""
    rank = len(g.tensor(op.outs[0]).shape)
    for name in op.ins:
        tensor = g.tensor(name)
        at = axis - (rank - len(tensor.shape))
        if name in axes:
            if at != axes[name] or tensor.shape[at] != g.tensor(op.outs[0]).shape[axis]:
                return False
        elif not tensor.is_const or (at >= 0 and tensor.shape[at] != 1):
            return False
    return True


def _reshape(g: Graph, op: Reshape, axis: int) -> Reach | None:
    """The same axis under the new shape: as long, with as many blocks in front of it."""
    shape = g.tensor(op.ins[0]).shape
    for i, size in enumerate(op.to):
        if size == shape[axis] and prod(op.to[:i]) == prod(shape[:axis]):
            return Reach(i)
    return None


def on_rows(op: Op, reach: Reach, axis: int, rows: Rows, pads: Rows) -> Op:
    """`op` that makes the output rows `rows` of the input rows that these read.

    `axis` is that of time in the input, of which `pads` rows (before, after) are padding.
    """
    count = rows[1] - rows[0]
    if isinstance(op, Windowed):
        pad = (pads, op.pad[1]) if axis == 1 else (op.pad[0], pads)
        return replace(op, pad=pad)
    if isinstance(op, Reshape):
        return replace(op, to=_with(op.to, reach.axis, count))
    if isinstance(op, Slice):
        cuts = tuple(Cut(0, count, reach.stride) if i == axis else cut
                     for i, cut in enumerate(op.cuts))
        return replace(op, cuts=cuts)
    return op


def _with(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1:])
