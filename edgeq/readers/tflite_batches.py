"""Dilated convolutions written as SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND.

The space is cut into every d-th row and column, which become a batch; a convolution over them and
the way back are one convolution with dilation d. Reshapes (of networks over time) and functions
of one value may stand between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeq.errors import UnsupportedError
from edgeq.ir import Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.lut import Unary
from edgeq.ops.reshape import Reshape
from edgeq.readers.node import TfliteNode

_ALLOWED = "a convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, stride 1, no padding"
_FIX = "use the dilation of the layer itself"
Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cut:
    """Tensors of a batch of cuts: `source` cut by `block`, and what was done to them since."""

    source: str
    block: tuple[int, ...]  # for each axis behind the batch but the last
    pads: Pads
    shape: Shape  # of the cuts, as the file has it
    ops: tuple[Op, ...] = ()  # the convolution and what follows it


def cut(node: TfliteNode) -> Cut:
    """SPACE_TO_BATCH_ND."""
    block = tuple(int(b) for b in node.const(1).reshape(-1))
    pads = tuple((int(a), int(b)) for a, b in node.const(2).reshape(-1, 2))
    return Cut(node.ins[0], block, pads, node.tensors[node.outs[0]].shape)


def through(node: TfliteNode, here: Cut, made: Sequence[Op]) -> Cut:
    """What `made`, the translation of `node`, makes of cuts."""
    (op,) = made if len(made) == 1 else (None,)
    shape = node.tensors[node.outs[0]].shape
    if isinstance(op, Reshape):
        return _reshaped(node, here, shape)
    if isinstance(op, Conv2D | DepthwiseConv2D) and not here.ops and len(here.block) == 2:
        plain = op.stride == (1, 1) and op.pad == ((0, 0), (0, 0)) and op.dilation == (1, 1)
        if plain:
            return replace(here, ops=(op,), shape=shape)
    if isinstance(op, Unary) and here.ops:
        return replace(here, ops=(*here.ops, op), shape=shape)
    raise UnsupportedError(node.name, f"{node.kind} of a batch of cuts", _ALLOWED, _FIX)


def _reshaped(node: TfliteNode, here: Cut, shape: Shape) -> Cut:
    """An axis of size 1 more or less beside the one that was cut."""
    if len(here.block) == 1 and len(shape) == 4 and shape[0] == here.shape[0] and (
            1 in shape[1:3] and shape[1] * shape[2] == here.shape[1]):
        first = shape[1] == 1
        block, pads = here.block[0], here.pads[0]
        return replace(here, shape=shape, block=(1, block) if first else (block, 1),
                       pads=((0, 0), pads) if first else (pads, (0, 0)))
    if len(here.block) == 2 and len(shape) == 3 and shape[0] == here.shape[0] and here.ops and (
            1 in here.block):
        axis = 1 if here.block[0] == 1 else 0
        return replace(here, shape=shape, block=(here.block[axis],), pads=(here.pads[axis],))
    raise UnsupportedError(node.name, f"a batch of cuts {here.shape} as {shape}", _ALLOWED, _FIX)


def joined(node: TfliteNode, here: Cut) -> tuple[Op, ...]:
    """BATCH_TO_SPACE_ND: the dilated convolution, and what was done to its results."""
    block = tuple(int(b) for b in node.const(1).reshape(-1))
    crops = tuple((int(a), int(b)) for a, b in node.const(2).reshape(-1, 2))
    if block != here.block or not here.ops:
        raise UnsupportedError(node.name, f"joins by {block} what was cut by {here.block}",
                               _ALLOWED, _FIX)
    conv = here.ops[0]
    assert isinstance(conv, Conv2D | DepthwiseConv2D)
    pads = tuple((a - c, b - d) for (a, b), (c, d) in zip(here.pads, crops, strict=True))
    if min(min(p) for p in pads) < 0:
        raise UnsupportedError(node.name, f"crops {crops} of padding {here.pads}",
                               "no more than the padding", _FIX)
    tensors, steps, out = node.tensors, list[Op](), node.outs[0]
    x = tensors[here.source]
    image, where = _image(x.shape, tensors[conv.ins[0]].shape), f"{node.name}/image"
    if image != x.shape:
        tensors[where] = Tensor(where, image, None, x.q)
        steps.append(Reshape(name=where, ins=(x.name,), outs=(where,), to=image))
    both = len(block) == 2
    first = image[1] == 1 and not both
    dilation = (block[0], block[1]) if both else (1, block[0]) if first else (block[0], 1)
    around = (pads[0], pads[1]) if both else (
        ((0, 0), pads[0]) if first else (pads[0], (0, 0)))
    steps.append(replace(conv, ins=(where if image != x.shape else x.name, *conv.ins[1:]),
                         dilation=dilation, pad=around))
    steps += here.ops[1:]
    for op in steps:
        (shape,) = op.shape(*(tensors[n].shape for n in op.ins))
        tensors[op.outs[0]] = replace(tensors[op.outs[0]], shape=shape)
    last = steps[-1].outs[0]
    return (*steps, Reshape(name=node.name, ins=(last,), outs=(out,), to=tensors[out].shape))


def _image(source: Shape, cuts: Shape) -> Shape:
    """The uncut source with the axes that the convolution's input has."""
    if len(source) == 4:
        return source
    n, length, c = source
    return (n, 1, length, c) if cuts[1] == 1 else (n, length, 1, c)
