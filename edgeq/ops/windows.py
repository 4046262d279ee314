"""Sliding windows over NHWC arrays: the geometry that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edgeq.ir import FloatArray, IntArray

A = TypeVar("A", FloatArray, IntArray)


@dataclass(frozen=True)
class Window:
    """Kernel size, stride, dilation and explicit padding of a 2-D window."""

    kh: int
    kw: int
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    # ((top, bottom), (left, right))
    pad: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    def out_size(self, in_h: int, in_w: int) -> tuple[int, int]:
        """(out_h, out_w)."""
        sizes = []
        for size, k, s, d, p in zip((in_h, in_w), (self.kh, self.kw), self.stride,
                                    self.dilation, self.pad, strict=True):
            sizes.append((size + p[0] + p[1] - ((k - 1) * d + 1)) // s + 1)
        return sizes[0], sizes[1]

    def padded(self, x: A, fill: float) -> A:
        """`x` (n, h, w, c) with its border of `fill`."""
        if self.pad == ((0, 0), (0, 0)):
            return x
        return np.pad(x, ((0, 0), *self.pad, (0, 0)), constant_values=fill)

    def taps(self, x: A, fill: float) -> Iterator[A]:
        """Per tap, ky then kx: view of the padded input as (n, out_h, out_w, c)."""
        out_h, out_w = self.out_size(x.shape[1], x.shape[2])
        x = self.padded(x, fill)
        for ky in range(self.kh):
            y0 = ky * self.dilation[0]
            rows = slice(y0, y0 + (out_h - 1) * self.stride[0] + 1, self.stride[0])
            for kx in range(self.kw):
                x0 = kx * self.dilation[1]
                cols = slice(x0, x0 + (out_w - 1) * self.stride[1] + 1, self.stride[1])
                yield x[:, rows, cols]

    def patches(self, x: A, fill: float) -> A:
        """View of the padded input as (n, out_h, out_w, kh, kw, c); padding reads as `fill`."""
        n, h, w, c = x.shape
        out_h, out_w = self.out_size(h, w)
        x = self.padded(x, fill)
        sn, sh, sw, sc = x.strides
        return np.lib.stride_tricks.as_strided(
            x,
            (n, out_h, out_w, self.kh, self.kw, c),
            (sn, sh * self.stride[0], sw * self.stride[1],
             sh * self.dilation[0], sw * self.dilation[1], sc),
            writeable=False,
        )


def slide_distance(window: Window, in_h: int, in_w: int, in_c: int, out_c: int) -> int:
    """Least distance in values by which the output may start below the input.

    Pixels are written in order; pixel t ends at (t + 1) * out_c and may not reach what the windows
    of pixels t, t + 1, ... still read.
    """
    out_h, out_w = window.out_size(in_h, in_w)
    y = np.maximum(np.arange(out_h) * window.stride[0] - window.pad[0][0], 0)
    x = np.maximum(np.arange(out_w) * window.stride[1] - window.pad[1][0], 0)
    first = (y[:, None] * in_w + x[None, :]).reshape(-1) * in_c
    needed = np.minimum.accumulate(first[::-1])[::-1]
    return max(0, int((np.arange(1, first.size + 1) * out_c - needed).max()))


def same_padding(size: int, k: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of one axis: (before, after), the odd one after."""
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + (k - 1) * dilation + 1 - size)
    return total // 2, total - total // 2
