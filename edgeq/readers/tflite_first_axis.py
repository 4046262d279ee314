"""TFLite nodes that cut, join or turn the first axis: time, where a file puts it in front.

Operators keep their first axis, the batch, whole; so such a tensor (steps, 1, channels) is seen as
(1, steps, 1, channels) by the operator, which costs nothing.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

from edgeq.ir import Tensor
from edgeq.ops.argextreme import ArgExtreme
from edgeq.ops.base import Op, Shape
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.pad import Pad
from edgeq.ops.reduce import Reduce
from edgeq.ops.reshape import Reshape


def behind_batch(op: Op, tensors: MutableMapping[str, Tensor]) -> tuple[Op, ...]:
    """`op`, or the same with an axis of size 1 in front of those that it works on."""
    shape = tensors[op.ins[0]].shape if op.ins else ()
    if isinstance(op, Transpose) and op.perm[:1] != (0,) and _only_ones_move(op.perm, shape):
        to = tuple(shape[a] for a in op.perm)
        return (Reshape(name=op.name, ins=op.ins, outs=op.outs, to=to),)
    if isinstance(op, Slice) and (op.cuts[0] != Cut(0, shape[0], 1) or 0 in op.drop):
        return _between(op, replace(op, cuts=(Cut(0, 1, 1), *op.cuts),
                                    drop=tuple(axis + 1 for axis in op.drop)), tensors, 1)
    if isinstance(op, Transpose) and op.perm[:1] != (0,):
        return _between(op, replace(op, perm=(0, *(axis + 1 for axis in op.perm))), tensors, 1)
    if isinstance(op, Pad) and op.pads[:1] != ((0, 0),):
        return _between(op, replace(op, pads=((0, 0), *op.pads)), tensors, 1)
    if isinstance(op, ArgExtreme | Reduce) and _along_first(op, shape):
        return _between(op, _behind_one_more(op), tensors, 1)
    if isinstance(op, Pack) and op.axis == 0:
        return _between(op, Concat(name=op.name, ins=op.ins, outs=op.outs, axis=1), tensors, 2)
    if isinstance(op, Concat) and op.axis == 0:
        return _between(op, replace(op, axis=1), tensors, 1)
    return (op,)


def _along_first(op: ArgExtreme | Reduce, shape: Shape) -> bool:
    return op.axis == 0 and len(shape) > 1 if isinstance(op, ArgExtreme) else 0 in op.axes


def _behind_one_more(op: ArgExtreme | Reduce) -> Op:
    """`op` along its axes where an axis more stands in front."""
    if isinstance(op, ArgExtreme):
        return replace(op, axis=op.axis + 1)
    return replace(op, axes=tuple(axis + 1 for axis in op.axes))


def _only_ones_move(perm: tuple[int, ...], shape: Shape) -> bool:
    """True where the axes of more than one value keep their order."""
    kept = [a for a in perm if shape[a] > 1]
    return kept == sorted(kept)


def _between(op: Op, lifted: Op, tensors: MutableMapping[str, Tensor],
             axes: int) -> tuple[Op, ...]:
    """`lifted` on the inputs of `op` with `axes` axes of size 1 in front; its output loses them."""
    made: list[Op] = []
    names = []
    for i, name in enumerate(op.ins):
        old, to = tensors[name], (*(1,) * axes, *tensors[name].shape)
        names.append(f"{op.name}/in{i}")
        data = None if old.data is None else old.data.reshape(to)
        tensors[names[i]] = Tensor(names[i], to, data, old.q)
        if data is None:
            made.append(Reshape(name=names[i], ins=(name,), outs=(names[i],), to=to))
    out, inner = tensors[op.outs[0]], f"{op.name}/out"
    lifted = replace(lifted, ins=tuple(names), outs=(inner,))
    (shape,) = lifted.shape(*(tensors[n].shape for n in names))
    tensors[inner] = Tensor(inner, shape, None, out.q)
    back = Reshape(name=f"{op.name}/back", ins=(inner,), outs=op.outs, to=shape[1:])
    return (*made, lifted, back)
