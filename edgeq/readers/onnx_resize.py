"""ONNX nodes that change sizes: Resize and Upsample, transposed convolution, running sums.

Resizing is linear along each axis, by the matrix that ONNX's own reference gives for it. Where
that is what one of our operators does to height and width, it is that operator; else whole
copies where the new size is a multiple, else a product with the matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.pad import Pad
from edgeq.ops.resize import Resize, ResizeBilinear, ResizeNearest
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.readers.onnx_conv import (
    Windows,
    by_groups,
    conv_by,
    first,
    last,
    of_group,
    two,
)
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_node import OnnxNode, Weights
from edgeq.readers.onnx_products import dense
from edgeq.readers.onnx_shapes import repeated

if TYPE_CHECKING:
    from onnx import NodeProto


def resize(node: OnnxNode) -> None:
    """Resize by scales or to sizes, one axis after the other."""
    shape, old = node.shape(0), node.kind == "Upsample" or node.opset < 11
    axes = node.integers("axes") or tuple(range(len(shape)))
    places = [node.axis(a, len(shape)) for a in axes]
    scales = node.optional(1 if old else 2)
    if scales is None and isinstance(stated := node.attrs.get("scales"), tuple):
        scales = np.array(stated, np.float64)  # opset 7
    sizes = None if old else node.numbers(3, "")
    node.require(node.text("keep_aspect_ratio_policy", "stretch") == "stretch"
                 and node.text("coordinate_transformation_mode", "") != "tf_crop_and_resize",
                 "keeps an aspect ratio or crops", "a plain resize", "crop before the model")
    x, plan = node.ins[0], list[tuple[int, Array]]()
    for i, axis in enumerate(places):
        if sizes:
            target, scale = sizes[i], sizes[i] / shape[axis]
        elif scales is not None and scales.size == len(places):
            scale = float(scales.reshape(-1)[i])
            target = int(np.floor(shape[axis] * scale))
        else:
            raise ModelError(node.place, "neither scales nor sizes for every axis", "", FIX)
        node.require(0 < target <= 1 << 12, f"a size of {target}", "1 to 4096", "resize less")
        if target != shape[axis] or scale != 1.0:
            plan.append((axis, _matrix(node, shape[axis], target, scale, bool(sizes))))
    if len(shape) == 4 and {axis for axis, _ in plan} == {2, 3} and _by_operator(node, dict(plan)):
        return
    for axis, matrix in plan:
        x = _resized(node, x, axis, matrix)
    node.alias(x)


def _by_operator(node: OnnxNode, matrices: dict[int, Array]) -> bool:
    """Resize height and width in one operator; False where none does just that."""
    size = (len(matrices[2]), len(matrices[3]))
    x = np.eye(matrices[2].shape[1], dtype=np.float32)[None, :, None]  # (1, h, 1, h): rows
    z = np.eye(matrices[3].shape[1], dtype=np.float32)[None, None]  # (1, 1, w, w): columns
    for kind in (ResizeNearest, ResizeBilinear):
        for align, half in ((False, False), (False, True), (True, False), (True, True)):
            op: Resize = kind(name=node.label(), ins=(node.ins[0],), outs=("",), size=size,
                              align_corners=align, half_pixel=half)
            rows = replace(op, size=(size[0], 1)).run(x)[0][0, :, 0]
            columns = replace(op, size=(1, size[1])).run(z)[0][0, 0]
            if (np.allclose(rows, matrices[2], atol=1e-5)
                    and np.allclose(columns, matrices[3], atol=1e-5)):
                ins = (last(node, node.ins[0]),)
                first(node, node.emit(replace(op, name=node.label(), ins=ins,
                                              outs=(node.temp("resize"),))))
                return True
    return False


def _resized(node: OnnxNode, x: str, axis: int, matrix: Array) -> str:
    """`x` resized along one axis by `matrix` (target, size): copies where it repeats values."""
    target, size = matrix.shape
    times = target // size
    if target == size * times and np.array_equal(matrix, np.repeat(np.eye(size), times, 0)):
        shape = node.tensors[x].shape
        x = node.reshaped(x, (*shape[:axis + 1], 1, *shape[axis + 1:]))
        counts = tuple(times if i == axis + 1 else 1 for i in range(len(shape) + 1))
        return node.reshaped(repeated(node, x, counts),
                             (*shape[:axis], target, *shape[axis + 1:]))
    return along(node, x, axis, matrix)


def along(node: OnnxNode, x: str, axis: int, matrix: Array) -> str:
    """`matrix` (new, old) times the values along `axis`."""
    rank = len(node.tensors[x].shape)
    order = (*(i for i in range(rank) if i != axis), axis)
    back = tuple(order.index(i) for i in range(rank))
    y = dense(node, node.transposed(x, order), Weights(np.asarray(matrix, np.float32)), None)
    return node.transposed(y, back)


def _matrix(node: OnnxNode, size: int, target: int, scale: float, sized: bool) -> Array:
    """What the node does along one axis, as a matrix (target, size)."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    kept = ("mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a",
            "exclude_outside", "antialias")
    attrs = {k: node.attrs[k] for k in kept if k in node.attrs}
    if node.kind == "Upsample" or node.opset < 11:
        attrs["coordinate_transformation_mode"] = "asymmetric"
        attrs["nearest_mode"] = "floor"
    proto: NodeProto = helper.make_node("Resize", ["x", "", "" if sized else "scales",
                                                   "sizes" if sized else ""], ["y"])
    proto.attribute.extend(helper.make_attribute(k, v) for k, v in attrs.items())
    graph = helper.make_graph(
        [proto], "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [size, size]),
         helper.make_tensor_value_info("scales", TensorProto.FLOAT, [2]),
         helper.make_tensor_value_info("sizes", TensorProto.INT64, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    opset = [helper.make_opsetid("", max(node.opset, 13))]
    feeds = {"x": np.eye(size, dtype=np.float32), "scales": np.array([1.0, scale], np.float32),
             "sizes": np.array([size, target], np.int64)}
    try:
        (y,) = ReferenceEvaluator(helper.make_model(graph, opset_imports=opset)).run(None, feeds)
    except Exception as error:  # the reference raises whatever its numpy code does
        raise UnsupportedError(node.place, f"a resize that ONNX's reference refuses ({error})",
                               "nearest, linear or cubic", "resize before the model") from error
    if np.shape(y) != (size, target):
        raise ModelError(node.place, f"resizes {size} to {np.shape(y)}", str(target), FIX)
    return np.asarray(y).T


def conv_transpose(node: OnnxNode) -> None:
    """ConvTranspose; with dilation as zeros between the inputs and a convolution."""
    w = node.weights(1)  # (in_c, out_c / groups, kh, kw)
    shape, rank, groups = node.shape(0), w.data.ndim - 2, node.integer("group", 1)
    node.require(rank in (1, 2) and len(shape) == rank + 2, f"weights {w.data.shape} for {shape}",
                 "one or two spatial axes", "edgeq has no 3-D convolutions")
    stride = two(node.integers("strides") or (1,) * rank, 1)
    dilation = two(node.integers("dilations") or (1,) * rank, 1)
    kernel, sizes = two(w.data.shape[2:], 1), two(shape[2:], 1)
    if shape[1] != w.data.shape[0] or min(*stride, *dilation, groups) < 1 or shape[1] % groups:
        raise ModelError(node.place, f"weights {w.data.shape} for {shape}", "", FIX)
    cuts = _cut(node, rank, sizes, kernel, stride, dilation)
    at = Windows(kernel, stride, dilation, (cuts[0], cuts[1]))
    if rank == 1:
        w = w.widened()
    bias = node.weights(2) if node.has(2) else None
    first(node, by_groups(node, last(node, node.ins[0]), groups, lambda part, i: _transposed_by(
        node, part, of_group(w, i, groups), bias and of_group(bias, i, groups), at)))


def _transposed_by(node: OnnxNode, x: str, w: Weights, bias: Weights | None, at: Windows) -> str:
    """The transposed convolution of x (n, h, w, in_c) by (in_c, out_c, kh, kw), cut by `at.pad`."""
    _, *sizes, _ = node.tensors[x].shape
    w = w.transpose((1, 2, 3, 0))  # (out_c, kh, kw, in_c)
    spans = [(k - 1) * d for k, d in zip(at.kernel, at.dilation, strict=True)]
    if at.dilation == (1, 1) and min(a for a, _ in at.pad) >= 0:
        out = [(n - 1) * s + span + 1 - a - b
               for n, s, span, (a, b) in zip(sizes, at.stride, spans, at.pad, strict=True)]
        node.require(min(out) > 0, f"pads {at.pad}", "smaller ones", FIX)
        return node.emit(TransposeConv(
            name=node.label(), ins=node.layer_constants(x, w, bias, 0), outs=(node.temp("conv"),),
            size=(out[0], out[1]), stride=at.stride, top=at.pad[0][0], left=at.pad[1][0]))
    turned = Weights(np.ascontiguousarray(w.data[:, ::-1, ::-1]), w.q)
    pad = [(span - a, span - b - (s - 1))
           for span, (a, b), s in zip(spans, at.pad, at.stride, strict=True)]
    x = _cropped(node, _spread(node, x, at.stride), pad)
    inner = [(max(0, a), max(0, b)) for a, b in pad]
    plain = Windows(at.kernel, (1, 1), at.dilation, (inner[0], inner[1]))
    return conv_by(node, x, turned.transpose((0, 3, 1, 2)), bias, plain)


def _cut(node: OnnxNode, rank: int, sizes: tuple[int, int], kernel: tuple[int, int],
         stride: tuple[int, int], dilation: tuple[int, int]) -> list[tuple[int, int]]:
    """How much of the full result is cut off (before, after) along h and w."""
    extra = two(node.integers("output_padding") or (0,) * rank, 0)
    stated, wanted = node.integers("pads") or (0,) * (2 * rank), node.integers("output_shape")
    auto = node.text("auto_pad", "NOTSET")
    if len(stated) != 2 * rank:
        raise node.bad("pads")
    before, after = two(stated[:rank], 0), two(stated[rank:], 0)
    targets = two(wanted[-rank:], 1) if wanted else None
    cuts = []
    for i in range(2):
        full = (sizes[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 + extra[i]
        if targets is not None or auto.startswith("SAME"):
            total = full - (targets[i] if targets is not None else sizes[i] * stride[i])
            less, more = total // 2, total - total // 2
            pair = (less, more) if auto == "SAME_UPPER" else (more, less)
        else:
            pair = (0, 0) if auto == "VALID" else (before[i], after[i])
        cuts.append((pair[0], pair[1] - extra[i]))
    return cuts


def _spread(node: OnnxNode, x: str, stride: tuple[int, int]) -> str:
    """x (n, h, w, c) with stride - 1 zeros behind every row and every pixel."""
    n, h, w, c = node.tensors[x].shape
    if stride[1] > 1:
        x = node.reshaped(x, (n, h * w, 1, c))
        x = node.emit(Pad(name=node.label(), ins=(x,), outs=(node.temp("zeros"),),
                          pads=((0, 0), (0, 0), (0, stride[1] - 1), (0, 0))))
    w *= stride[1]
    if stride[0] > 1:
        x = node.reshaped(x, (n, h, 1, w * c))
        x = node.emit(Pad(name=node.label(), ins=(x,), outs=(node.temp("zeros"),),
                          pads=((0, 0), (0, 0), (0, stride[0] - 1), (0, 0))))
    return node.reshaped(x, (n, h * stride[0], w, c))


def _cropped(node: OnnxNode, x: str, pad: list[tuple[int, int]]) -> str:
    """x without what negative padding takes away."""
    n, h, w, c = node.tensors[x].shape
    kept = [(max(0, -a), size - max(0, -a) - max(0, -b)) for size, (a, b) in
            zip((h, w), pad, strict=True)]
    if kept == [(0, h), (0, w)]:
        return x
    node.require(min(size for _, size in kept) > 0, f"pads {pad}", "smaller ones", FIX)
    cuts = (Cut(0, n, 1), Cut(*kept[0], 1), Cut(*kept[1], 1), Cut(0, c, 1))
    return node.emit(Slice(name=node.label(), ins=(x,), outs=(node.temp("cropped"),), cuts=cuts))


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "Resize": resize, "Upsample": resize, "ConvTranspose": conv_transpose,
}
