"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: cuts of the space as a batch, and the way back.

The space is cut into every d-th row and column, which become a batch. A convolution over them and
the way back are one convolution with dilation d, as frameworks write it; reshapes (of networks
over time) and functions of one value may stand between. Anything else gets the batch laid out.
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace

from edgeq.ir import Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.gather import Cut
from edgeq.ops.lut import Unary
from edgeq.ops.pad import Pad
from edgeq.ops.reshape import Reshape
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import Parts

Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cuts:
    """Tensors of a batch of cuts: `source` cut by `block`, and what was done to them since."""

    source: str
    block: tuple[int, ...]  # for each axis behind the batch but the last
    pads: Pads
    shape: Shape  # of the cuts, as the file has it
    laid: tuple[Op, ...]  # what makes the batch, and all steps on it
    ops: tuple[Op, ...] = ()  # the convolution and what follows it


def _blocks(node: TfliteNode) -> tuple[tuple[int, ...], Pads]:
    """The blocks, and the padding or the crops."""
    block = tuple(int(b) for b in node.const(1).reshape(-1))
    borders = tuple((int(a), int(b)) for a, b in node.const(2).reshape(-1, 2))
    rank = len(node.shape(0))
    node.require(len(block) == len(borders) < rank and min(block) > 0
                 and min(min(b) for b in borders) >= 0, f"blocks {block}, borders {borders}",
                 "one of both for each axis", "export the model again")
    return block, borders


def cut_shape(node: TfliteNode) -> Shape:
    """The shape of the batch, from that of what is cut: the file's may be of no sizes."""
    block, pads = _blocks(node)
    n, *sizes = node.shape(0)
    cuts = [(s + sum(pair)) // b for s, b, pair in zip(sizes, block, pads, strict=False)]
    return (n * math.prod(block), *cuts, *sizes[len(block):])


def cut(node: TfliteNode, made: tuple[Op, ...]) -> Cuts:
    """SPACE_TO_BATCH_ND, whose translation is `made`."""
    block, pads = _blocks(node)
    return Cuts(node.ins[0], block, pads, node.tensors[node.outs[0]].shape, made)


def space_to_batch(node: TfliteNode) -> tuple[Op, ...]:
    """SPACE_TO_BATCH_ND: (n, h * bh, w * bw, c), padded, as (bh, bw, n, h, w, c)."""
    block, pads = _blocks(node)
    p, x, m = Parts(node), node.ins[0], len(block)
    if any(any(pair) for pair in pads):
        rest = ((0, 0),) * (len(p.shape(x)) - 1 - m)
        x = p.emit(Pad(name=p.label(), ins=(x,), outs=(p.temp(),), pads=((0, 0), *pads, *rest)),
                   p.q(x))
    n, *sizes = p.shape(x)
    node.require(all(s % b == 0 for s, b in zip(sizes, block, strict=False)),
                 f"{sizes[:m]} in blocks of {block}", "multiples", "export the model again")
    parts = [v for s, b in zip(sizes, block, strict=False) for v in (s // b, b)]
    x = p.reshaped(x, (1, n, *parts, *sizes[m:]))
    inside, outside = [3 + 2 * i for i in range(m)], [2 + 2 * i for i in range(m)]
    behind = range(2 + 2 * m, len(p.shape(x)))
    return p.done(p.transposed(x, (0, *inside, 1, *outside, *behind)))


def batch_to_space(node: TfliteNode) -> tuple[Op, ...]:
    """BATCH_TO_SPACE_ND: (bh, bw, n, h, w, c) as (n, h * bh, w * bw, c), cropped."""
    (block, crops), p = _blocks(node), Parts(node)
    total, *sizes = node.shape(0)
    m, n = len(block), total
    for b in block:
        node.require(n % b == 0, f"a batch of {total} in blocks of {block}", "a multiple",
                     "export the model again")
        n //= b
    x = p.reshaped(node.ins[0], (1, *block, n, *sizes))
    pairs = [axis for i in range(m) for axis in (m + 2 + i, 1 + i)]
    x = p.transposed(x, (0, m + 1, *pairs, *range(2 * m + 2, len(p.shape(x)))))
    full = [s * b for s, b in zip(sizes, block, strict=False)]
    x = p.reshaped(x, (n, *full, *sizes[m:]))
    for axis, (size, (before, after)) in enumerate(zip(full, crops, strict=True), 1):
        if before or after:
            node.require(before + after < size, f"crops {crops} of {full}", "less than there is",
                         "export the model again")
            x = p.sliced(x, axis, Cut(before, size - before - after, 1))
    return p.done(x)


def through(node: TfliteNode, here: Cuts, made: Sequence[Op]) -> Cuts | None:
    """What `made`, the translation of `node`, makes of cuts; None where it needs their batch."""
    (op,) = made if len(made) == 1 else (None,)
    shape, laid = node.tensors[node.outs[0]].shape, (*here.laid, *made)
    if isinstance(op, Reshape):
        seen = _reshaped(here, shape)
        return None if seen is None else replace(seen, shape=shape, laid=laid)
    if isinstance(op, Conv2D | DepthwiseConv2D) and not here.ops and len(here.block) == 2:
        plain = op.stride == (1, 1) and op.pad == ((0, 0), (0, 0)) and op.dilation == (1, 1)
        if plain:
            return replace(here, ops=(op,), shape=shape, laid=laid)
    if isinstance(op, Unary) and here.ops:
        return replace(here, ops=(*here.ops, op), shape=shape, laid=laid)
    return None


def _reshaped(here: Cuts, shape: Shape) -> Cuts | None:
    """An axis of size 1 more or less beside the one that was cut."""
    if len(here.block) == 1 and len(shape) == 4 and shape[0] == here.shape[0] and (
            1 in shape[1:3] and shape[1] * shape[2] == here.shape[1]):
        first = shape[1] == 1
        block, pads = here.block[0], here.pads[0]
        return replace(here, block=(1, block) if first else (block, 1),
                       pads=((0, 0), pads) if first else (pads, (0, 0)))
    if len(here.block) == 2 and len(shape) == 3 and shape[0] == here.shape[0] and here.ops and (
            1 in here.block):
        axis = 1 if here.block[0] == 1 else 0
        return replace(here, block=(here.block[axis],), pads=(here.pads[axis],))
    return None


def joined(node: TfliteNode, here: Cuts) -> tuple[Op, ...] | None:
    """BATCH_TO_SPACE_ND as the dilated convolution, and what was done to its results.

    None where there is no such convolution.
    """
    block, crops = _blocks(node)
    if block != here.block or not here.ops:
        return None
    conv = here.ops[0]
    assert isinstance(conv, Conv2D | DepthwiseConv2D)
    pads = tuple((a - c, b - d) for (a, b), (c, d) in zip(here.pads, crops, strict=True))
    if min(min(p) for p in pads) < 0:
        return None
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
    last = where if image != x.shape else x.name
    whole = replace(conv, dilation=dilation, pad=around)
    for op in (whole, *here.ops[1:]):  # under names of their own: the batch may exist as well
        made = f"{op.outs[0]}@whole"
        steps.append(replace(op, ins=(last, *op.ins[1:]), outs=(made,)))
        _renamed(tensors, op.outs[0], steps[-1])
        last = made
    seen, to = tensors[last].shape, tensors[out].shape  # the file's may be of no sizes
    to = seen if len(seen) == len(to) else to
    return (*steps, Reshape(name=node.name, ins=(last,), outs=(out,), to=to))


def _renamed(tensors: MutableMapping[str, Tensor], old: str, op: Op) -> None:
    """The output of `op` as a tensor like `old`, of the shape that follows from its inputs."""
    (shape,), name = op.shape(*(tensors[n].shape for n in op.ins)), op.outs[0]
    tensors[name] = replace(tensors[old], name=name, shape=shape)


def _image(source: Shape, cuts: Shape) -> Shape:
    """The uncut source with the axes that the convolution's input has."""
    if len(source) == 4:
        return source
    n, length, c = source
    return (n, 1, length, c) if cuts[1] == 1 else (n, length, 1, c)
