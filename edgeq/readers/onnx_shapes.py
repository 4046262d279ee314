"""ONNX nodes that move values without changing them: reshape, transpose, slice, join, pad."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from edgeq.errors import ModelError
from edgeq.ops.base import Shape
from edgeq.ops.concat import Concat
from edgeq.ops.embedding import Embedding
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.pad import Pad
from edgeq.ops.take import Take
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.runs import runs_of


def identity(node: OnnxNode) -> None:
    node.alias(node.ins[0])


def dropout(node: OnnxNode) -> None:
    mask = [o for o in node.outs[1:] if o]
    node.require(not mask, "gives its mask too", "one output", "export in inference mode")
    training = node.optional(2)
    node.require(training is None or not training.any(), "is in training mode", "inference",
                 "export after model.eval()")
    node.alias(node.ins[0])


def reshape(node: OnnxNode) -> None:
    """Reshape: 0 copies a size, -1 takes what is left; a batch in the target becomes 1."""
    shape = node.shape(0)
    wanted = list(node.numbers(1, "shape") or ())
    if not node.integer("allowzero", 0):
        wanted = [shape[i] if n == 0 and i < len(shape) else n for i, n in enumerate(wanted)]
    node.reshaped(node.ins[0], completed(node, shape, tuple(wanted)), node.outs[0])


def completed(node: OnnxNode, shape: Shape, wanted: Shape) -> Shape:
    """`wanted` with its -1 filled in, so that it holds as many values as `shape`."""
    total, known = prod(shape), prod(n for n in wanted if n != -1)
    open_axes = wanted.count(-1)
    fits = total == known if not open_axes else known > 0 and total % known == 0
    if open_axes > 1 or min((*wanted, 0)) < -1 or not fits:
        raise ModelError(node.place, f"shape {shape} cannot become {wanted}",
                         "the same number of values", FIX)
    return tuple(total // known if n == -1 else n for n in wanted)


def flatten(node: OnnxNode) -> None:
    shape, axis = node.shape(0), node.integer("axis", 1)
    at = len(shape) if axis == len(shape) else node.axis(axis, len(shape))
    node.reshaped(node.ins[0], (prod(shape[:at]), prod(shape[at:])), node.outs[0])


def squeeze(node: OnnxNode) -> None:
    shape, axes = node.shape(0), node.numbers(1, "axes")
    drop = ({i for i, n in enumerate(shape) if n == 1} if axes is None
            else {node.axis(a, len(shape)) for a in axes})
    if any(shape[i] != 1 for i in drop):
        raise ModelError(node.place, f"axes {axes} of shape {shape}", "axes of size 1", FIX)
    node.reshaped(node.ins[0], tuple(n for i, n in enumerate(shape) if i not in drop),
                  node.outs[0])


def unsqueeze(node: OnnxNode) -> None:
    shape, axes = node.shape(0), node.numbers(1, "axes") or ()
    rank = len(shape) + len(axes)
    new, rest = {node.axis(a, rank) for a in axes}, iter(shape)
    if len(new) != len(axes):
        raise ModelError(node.place, f"axes {axes}", "different ones", FIX)
    node.reshaped(node.ins[0], tuple(1 if i in new else next(rest) for i in range(rank)),
                  node.outs[0])


def transpose(node: OnnxNode) -> None:
    rank = len(node.shape(0))
    perm = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        raise node.bad("perm")
    node.transposed(node.ins[0], perm, node.outs[0])


def concat(node: OnnxNode) -> None:
    ins = tuple(n for n in node.ins if n)
    axis = node.axis(node.integer("axis", 1), len(node.shape(0)))
    if len(ins) == 1:
        node.alias(ins[0])
        return
    node.emit(Concat(name=node.label(), ins=ins, outs=node.outs, axis=axis))


def slice_(node: OnnxNode) -> None:
    """Slice: starts and ends from the front or the back, clamped, with steps."""
    shape = node.shape(0)
    starts, ends = node.numbers(1, "starts"), node.numbers(2, "ends")
    if starts is None or ends is None:
        raise node.bad("starts")
    axes = node.numbers(3, "axes") or tuple(range(len(starts)))
    steps = node.numbers(4, "steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ModelError(node.place, f"starts {starts}, ends {ends}, axes {axes}, steps {steps}",
                         "lists of one length", FIX)
    picked = [range(n) for n in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        i = node.axis(axis, len(shape))
        picked[i] = _range(shape[i], start, end, step)
    emit_slice(node, node.ins[0], node.outs[0], tuple(picked))


def _range(size: int, start: int, end: int, step: int) -> range:
    """The indices that ONNX's Slice takes; far values are clamped before Python sees them."""
    far = size + 1
    start = max(-far, min(far, start))
    if step < 0 and end < -size:
        return range(size)[start::max(step, -far)]
    return range(size)[start:max(-far, min(far, end)):max(-far, min(far, step))]


def emit_slice(node: OnnxNode, x: str, out: str, picked: tuple[range, ...]) -> None:
    """`x` cut to the indices `picked` along each axis."""
    node.require(all(len(r) for r in picked), f"an empty slice of {node.tensors[x].shape}",
                 "at least one value", "remove the empty branch")
    shape, cuts = node.tensors[x].shape, tuple(Cut(r.start, len(r), r.step) for r in picked)
    if not cuts or cuts[0] == Cut(0, shape[0], 1):
        node.emit(Slice(name=node.label(), ins=(x,), outs=(out,), cuts=cuts))
        return
    lifted = node.reshaped(x, (1, *shape))  # Slice keeps its first axis, the batch, whole
    part = node.emit(Slice(name=node.label(), ins=(lifted,), outs=(node.temp("cut"),),
                           cuts=(Cut(0, 1, 1), *cuts)))
    node.reshaped(part, node.tensors[part].shape[1:], out)


def split(node: OnnxNode) -> None:
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", 0), len(shape))
    sizes = node.numbers(1, "split")
    if sizes is None:
        each = -(-shape[axis] // max(1, len(node.outs)))
        sizes = tuple(min(each, shape[axis] - each * i) for i in range(len(node.outs)))
    if len(sizes) != len(node.outs) or sum(sizes) != shape[axis] or min(sizes) < 0:
        raise ModelError(node.place, f"parts {sizes} of axis {axis} of {shape}",
                         "as many as outputs, together the whole axis", FIX)
    start = 0
    for out, size in zip(node.outs, sizes, strict=True):
        picked = [range(n) for n in shape]
        picked[axis] = range(start, start + size)
        start += size
        if out:
            emit_slice(node, node.ins[0], out, tuple(picked))


def gather(node: OnnxNode) -> None:
    """Gather of constant indices as slices of even steps; of others: Embedding, Take."""
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", 0), len(shape))
    if not node.tensor(1).is_const:
        if not node.tensor(0).is_const:
            _taken(node, axis)
            return
        node.require(axis == 0, f"chooses along axis {axis} of a table at run time",
                     "rows of a constant table", "choose by constant indices")
        node.emit(Embedding(name=node.label(), ins=node.ins, outs=node.outs))
        return
    indices = np.asarray(node.const(1)).astype(np.int64)
    flat = [int(i) for i in indices.reshape(-1).tolist()]
    if not flat or not all(-shape[axis] <= i < shape[axis] for i in flat):
        raise ModelError(node.place, f"indices {flat[:4]} of {shape[axis]}", "within", FIX)
    flat = [i % shape[axis] for i in flat]
    runs = runs_of(flat)
    node.require(len(runs) <= 64, f"{len(runs)} scattered indices", "at most 64 runs",
                 "reorder the channels before export")
    parts = []
    for run in runs:
        picked = [range(n) for n in shape]
        picked[axis] = run
        parts.append(node.temp("part"))
        emit_slice(node, node.ins[0], parts[-1], tuple(picked))
    x = parts[0] if len(parts) == 1 else node.emit(
        Concat(name=node.label(), ins=tuple(parts), outs=(node.temp("parts"),), axis=axis))
    node.reshaped(x, (*shape[:axis], *indices.shape, *shape[axis + 1:]), node.outs[0])


def _taken(node: OnnxNode, axis: int) -> None:
    """Gather from an activation by indices of run time."""
    shape, places = node.shape(0), node.shape(1)
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1:])
    x = node.transposed(node.reshaped(node.ins[0], (1, outer, shape[axis], inner)), (0, 2, 1, 3))
    index = node.reshaped(node.ins[1], (1, prod(places)))
    y = node.emit(Take(name=node.label(), ins=(x, index), outs=(node.temp("taken"),)))
    node.reshaped(node.transposed(y, (0, 2, 1, 3)), (*shape[:axis], *places, *shape[axis + 1:]),
                  node.outs[0])


def expand(node: OnnxNode) -> None:
    shape = node.shape(0)
    wanted = node.numbers(1, "shape") or ()
    try:
        target = np.broadcast_shapes(shape, wanted)
    except ValueError:
        raise ModelError(node.place, f"{shape} cannot become {wanted}", "", FIX) from None
    x = node.reshaped(node.ins[0], (1,) * (len(target) - len(shape)) + shape)
    node.alias(repeated(node, x, tuple(t // max(1, s) for t, s in
                                       zip(target, node.tensors[x].shape, strict=True))))


def tile(node: OnnxNode) -> None:
    counts = node.numbers(1, "repeats") or ()
    if len(counts) != len(node.shape(0)) or min(counts, default=1) < 0:
        raise ModelError(node.place, f"repeats {counts} for {node.shape(0)}", "", FIX)
    node.alias(repeated(node, node.ins[0], counts))


def repeated(node: OnnxNode, x: str, counts: tuple[int, ...]) -> str:
    """`x` as often as `counts` says along each axis."""
    node.require(max(counts, default=1) <= 64 and 0 not in counts, f"{counts} copies",
                 "1 to 64 along an axis", "let broadcasting do it")
    for axis, n in enumerate(counts):
        if n > 1:
            x = node.emit(Concat(name=node.label(), ins=(x,) * n, outs=(node.temp("copies"),),
                                 axis=axis))
    return x


def pad(node: OnnxNode) -> None:
    """Pad with a constant, or with mirrored values; pads as input or attribute, for all axes or
    those that are named.
    """
    rank, mode = len(node.shape(0)), node.text("mode", "constant")
    node.require(mode in ("constant", "reflect"), f"mode {mode!r}", "constant or reflect",
                 "pad with zeros or mirrored values")
    pads = node.numbers(1, "pads") or node.integers("paddings") or ()
    axes = node.optional(3)
    places = list(range(rank)) if axes is None else [
        node.axis(int(a), rank) for a in axes.reshape(-1).tolist()]
    if len(pads) != 2 * len(places):
        raise ModelError(node.place, f"{len(pads)} pads for {len(places)} axes", "two each", FIX)
    value = node.optional(2)
    fill = node.real("value", 0.0) if value is None or not value.size else float(
        value.reshape(-1)[0])
    pairs = [(0, 0)] * rank
    for i, axis in enumerate(places):
        pairs[axis] = (pads[i], pads[len(places) + i])
    x = node.ins[0]
    if any(min(p) < 0 for p in pairs):
        shape = node.shape(0)
        picked = tuple(range(max(0, -a), n - max(0, -b))
                       for n, (a, b) in zip(shape, pairs, strict=True))
        emit_slice(node, x, node.temp("cropped"), picked)
        x = node.ops[-1].outs[0]
        pairs = [(max(0, a), max(0, b)) for a, b in pairs]
    if mode == "reflect":
        _mirrored(node, x, pairs)
        return
    node.emit(Pad(name=node.label(), ins=(x,), outs=node.outs, pads=tuple(pairs), value=fill))


def _mirrored(node: OnnxNode, x: str, pairs: list[tuple[int, int]]) -> None:
    """Axis by axis the values behind the border value, in turned order, on both sides of `x`."""
    for axis, (before, after) in enumerate(pairs):
        shape = node.tensors[x].shape
        size = shape[axis]
        if max(before, after) >= size:
            raise ModelError(node.place, f"mirrors {max(before, after)} of {size} values",
                             f"at most {size - 1}", FIX)
        parts = [*_turned(node, x, axis, before, before), x,
                 *_turned(node, x, axis, size - 2, after)]
        if len(parts) > 1:
            x = node.emit(Concat(name=node.label(), ins=tuple(parts), outs=(node.temp("wider"),),
                                 axis=axis))
    node.alias(x)


def _turned(node: OnnxNode, x: str, axis: int, first: int, count: int) -> list[str]:
    """`count` values of `x` from `first` on backwards along `axis`; no tensor for no values."""
    if not count:
        return []
    picked = tuple(range(first, first - count, -1) if i == axis else range(n)
                   for i, n in enumerate(node.tensors[x].shape))
    emit_slice(node, x, node.temp("mirrored"), picked)
    return [node.ops[-1].outs[0]]


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "Identity": identity,
    "Dropout": dropout,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Slice": slice_,
    "Split": split,
    "Gather": gather,
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "CastLike": identity,
}
