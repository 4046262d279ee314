"""Resize of height and width, to the nearest pixel or by lines between pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Rule, SameAsInput, Shape, value_bytes
from edgeq.plan import Blob, Call, Value
from edgeq.readers.node import TfliteNode

_ONE = 1 << 10  # a whole pixel in the fixed point of TensorFlow Lite


def _not_image(op: Op, g: Graph) -> str:
    shape = g.tensor(op.ins[0]).shape
    return "" if len(shape) == 4 and max(shape) < 1 << 15 else f"an input of shape {shape}"


class Line(NamedTuple):
    """Where the output pixels of one axis come from: low + part * (high - low)."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    part: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Resize(Op):
    """What both kinds share: `size` is the output's (height, width)."""

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel: bool = False

    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("an image (1, height, width, channels)", _not_image, "reshape before"),)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        n, _, _, c = ins[0]
        return ((n, *self.size, c),)

    def rule(self) -> Rule:
        return SameAsInput()

    def _call(self, g: Graph, kernel: plain.Kernel, struct: str,
              tables: tuple[tuple[str, Value], ...], as_bytes: int = 0) -> Call:
        """`as_bytes`: how many a value has, where the kernel moves bytes; 0: it takes values."""
        _, in_h, in_w, c = g.tensor(self.ins[0]).shape
        sizes = (("in_h", in_h), ("in_w", in_w), ("c", c * max(as_bytes, 1)),
                 ("out_h", self.size[0]), ("out_w", self.size[1]))
        return Call(name=self.name, op=type(self).__name__, func=kernel.func, struct=struct,
                    fields=(*sizes, *tables), ins=self.ins, outs=self.outs,
                    sources=kernel.sources, overlap=(None,), as_bytes=as_bytes > 0)


def _table(name: str, values: IntArray, note: str) -> tuple[str, Blob]:
    return name, Blob(name, "uint16_t", values.astype(np.uint16), note)


@dataclass(frozen=True, kw_only=True)
class ResizeNearest(Resize):
    """y[i, j] = x[nearest pixel], TensorFlow Lite's choice of it."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("RESIZE_NEAREST_NEIGHBOR",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.ResizeNearestNeighborOptions)
        h, w = (int(v) for v in node.const(1).reshape(-1))
        return cls(name=node.name, ins=node.ins[:1], outs=node.outs, size=(h, w),
                   align_corners=bool(opts.AlignCorners()),
                   half_pixel=bool(opts.HalfPixelCenters()))

    def _places(self, shape: Shape) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The input row of each output row, and the same for columns."""
        return self._nearest(shape[1], self.size[0]), self._nearest(shape[2], self.size[1])

    def _nearest(self, before: int, after: int) -> NDArray[np.int64]:
        corners = self.align_corners and after > 1
        scale = np.float32((before - 1) / (after - 1) if corners else before / after)
        at = (np.arange(after, dtype=np.float32) + np.float32(0.5 * self.half_pixel)) * scale
        pixel = np.floor(at + np.float32(0.5)) if self.align_corners else np.floor(at)
        return np.asarray(np.clip(pixel, 0, before - 1), np.int64)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        rows, columns = self._places(xs[0].shape)
        return (np.ascontiguousarray(xs[0][:, rows][:, :, columns]),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        rows, columns = self._places(qs[0].shape)
        return (np.ascontiguousarray(qs[0][:, rows][:, :, columns]),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        rows, columns = self._places(g.tensor(self.ins[0]).shape)
        return (self._call(g, plain.pick(plain.RESIZE_NEAREST, target), "eq_resize_nearest_s8_t", (
            _table("rows", rows, "input row of each output row"),
            _table("columns", columns, "input column of each output column")),
            value_bytes(g, self.ins[0])),)


@dataclass(frozen=True, kw_only=True)
class ResizeBilinear(Resize):
    """y[i, j] = the four pixels around its place, weighted by nearness; Q10 on integers."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("RESIZE_BILINEAR",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.ResizeBilinearOptions)
        h, w = (int(v) for v in node.const(1).reshape(-1))
        return cls(name=node.name, ins=node.ins[:1], outs=node.outs, size=(h, w),
                   align_corners=bool(opts.AlignCorners()),
                   half_pixel=bool(opts.HalfPixelCenters()))

    def _line(self, before: int, after: int) -> Line:
        corners = self.align_corners and after > 1
        scale = np.float32((before - 1) / (after - 1) if corners else before / after)
        at = np.arange(after, dtype=np.float32) * scale
        if self.half_pixel:
            at = (np.arange(after, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        low = np.clip(np.floor(at), 0, before - 1).astype(np.int64)
        high = np.clip(np.ceil(at), 0, before - 1).astype(np.int64)
        return Line(low, high, (at - low).astype(np.float64))

    def _fixed(self, before: int, after: int) -> Line:
        """The same in steps of 1/1024, rounded as TensorFlow Lite does."""
        scale = (_ONE * before + after // 2) // after
        if self.align_corners and after > 1:
            scale = (_ONE * (before - 1) + (after - 1) // 2) // (after - 1)
        at = np.arange(after, dtype=np.int64) * scale
        if self.half_pixel:
            at += scale // 2 - _ONE // 2
        low = np.clip(at // _ONE, 0, before - 1)
        high = np.clip((at + _ONE - 1) // _ONE, 0, before - 1)
        return Line(low, high, (at - low * _ONE).astype(np.float64))

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x = xs[0]
        v, u = self._line(x.shape[1], self.size[0]), self._line(x.shape[2], self.size[1])
        fy, fx = (part.astype(np.float32) for part in (v.part, u.part))
        rows = x[:, v.low] + fy[None, :, None, None] * (x[:, v.high] - x[:, v.low])
        return (rows[:, :, u.low] + fx[None, None, :, None]
                * (rows[:, :, u.high] - rows[:, :, u.low]),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x = qs[0].astype(np.int64)
        v, u = self._fixed(x.shape[1], self.size[0]), self._fixed(x.shape[2], self.size[1])
        fy = v.part.astype(np.int64)[None, :, None, None]
        fx = u.part.astype(np.int64)[None, None, :, None]
        rows = x[:, v.low] * (_ONE - fy) + x[:, v.high] * fy
        total = rows[:, :, u.low] * (_ONE - fx) + rows[:, :, u.high] * fx  # Q20
        half = np.where(total > 0, 1 << 19, -(1 << 19))
        y = np.sign(total + half) * (np.abs(total + half) >> 20)
        return (y.astype(qs[0].dtype),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        _, in_h, in_w, _ = g.tensor(self.ins[0]).shape
        v, u = self._fixed(in_h, self.size[0]), self._fixed(in_w, self.size[1])

        def table(name: str, line: Line) -> tuple[str, Blob]:
            data = np.stack([line.low, line.high, line.part.astype(np.int64)], 1).reshape(-1)
            return name, Blob(name, "int16_t", data.astype(np.int16),
                              "lower and upper pixel, place between them in 1/1024")

        kernel = plain.pick(plain.RESIZE_BILINEAR, target)
        if value_bytes(g, self.ins[0]) == 2:
            kernel = plain.portable("eq_resize_bilinear_s16", "ops/eq_resize_bilinear.h")
        return (self._call(g, kernel, "eq_resize_bilinear_s8_t",
                           (table("rows", v), table("columns", u))),)
