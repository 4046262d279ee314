"""Helium (MVE) conv2d: weights and requantization in records of 4 output channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Optimize, Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants

LAYOUT = ("records of 4 channels: taps (steps, 4, 16) in the order (kw, kh, in_c), "
          "bias[4], mult[4] int32, shift[4] int8")

# Bytes of strip that the C file fills at a time (the enum there)
_POINTWISE_STRIP, _NARROW_STRIP, _WIDE_STRIP, _WIDE = 512, 4096, 1024, 17


def pack_records(rows: NDArray[np.int8], layer: MacLayer, *, left: bool = False
                 ) -> NDArray[np.int8]:
    """Records of eq_mve_gemm.h for weight rows (out_c, k); k and out_c are filled up with zeros.

    `left`: records end in left shifts, and shift holds the right ones alone.
    """
    out_c, k = rows.shape
    blocks, steps = -(-out_c // 4), -(-k // 16)
    taps = np.zeros((blocks * 4, steps * 16), np.int8)
    taps[:out_c, :k] = rows
    taps = taps.reshape(blocks, 4, steps, 16).transpose(0, 2, 1, 3).reshape(blocks, -1)

    def table(values: NDArray[np.generic]) -> NDArray[np.int8]:
        padded = np.zeros(blocks * 4, values.dtype.newbyteorder("<"))
        padded[:out_c] = values
        return padded.view(np.int8).reshape(blocks, -1)

    parts = [taps, table(layer.bias), table(layer.mult), table(np.minimum(layer.shift, 0))]
    if left:
        parts.append(table(np.maximum(layer.shift, 0)))
    return np.concatenate(parts, axis=1).reshape(-1)


def right_shifts(layer: MacLayer) -> bool:
    """True where no channel needs a left shift."""
    return bool(layer.shift.max() <= 0)


def column_rows(layer: MacLayer) -> NDArray[np.int8]:
    """Weight rows (out_c, k) with k in the order of the strip: (kw, kh, in_c)."""
    return layer.weights.transpose(0, 2, 1, 3).reshape(layer.out_c, -1)


def _pack(layer: MacLayer) -> NDArray[np.int8]:
    return pack_records(column_rows(layer), layer)


def _chunk(layer: MacLayer) -> int:
    """Output pixels for which the strip is filled at a time."""
    if layer.pointwise:
        return max(2, _POINTWISE_STRIP // layer.in_c & ~1)
    pitch = layer.kh * layer.in_c
    columns = (_WIDE_STRIP if layer.out_w >= _WIDE else _NARROW_STRIP) // pitch
    # with dilated columns every output has columns of its own
    shared, own = (columns - layer.kw) // layer.stride_w + 1, columns // layer.kw
    return max(2, (shared if layer.dil_w == 1 else own) & ~1)


def strip_bytes(layer: MacLayer) -> int:
    """The strip; the last column is read in steps of 16 bytes."""
    width = layer.out_h * layer.out_w if layer.pointwise else layer.out_w
    pixels, pitch = min(_chunk(layer), width), layer.kh * layer.in_c
    last = (pixels - 1) * (layer.stride_w if layer.dil_w == 1 else layer.kw) * pitch
    return last + -(-layer.kw * pitch // 16) * 16


def strip_overlap(layer: MacLayer) -> int:
    """The input of a chunk is in the strip before its output is written."""
    chunk = _chunk(layer)
    if layer.pointwise:
        ends = np.arange(chunk, layer.out_h * layer.out_w, chunk)
        return max(0, int(np.max(ends * (layer.out_c - layer.in_c), initial=0)))
    below = 0
    for oy in range(layer.out_h):
        for end in (*range(chunk, layer.out_w, chunk), layer.out_w):
            written = (oy * layer.out_w + end) * layer.out_c
            below = max(below, written - _still_read(layer, oy, end))
    return below


def _still_read(layer: MacLayer, oy: int, end: int) -> int:
    """Offset of the first input byte that is read after output pixel `end` of row `oy`."""
    row, size = layer.in_w * layer.in_c, layer.in_h * layer.in_w * layer.in_c
    rows_left = size
    if oy + 1 < layer.out_h:
        rows_left = max(0, (oy + 1) * layer.stride_h - layer.pad_top) * row
    if end < layer.out_w:
        y = max(0, oy * layer.stride_h - layer.pad_top)
        x = max(0, end * layer.stride_w - layer.pad_left)
        return min(rows_left, y * row + x * layer.in_c)
    # the last chunk of all has read everything; what it writes ends at the output's end
    return rows_left if oy + 1 < layer.out_h else 1 << 30


def _fits(layer: MacLayer, target: Target) -> bool:
    return right_shifts(layer)


def _relu(layer: MacLayer, target: Target) -> bool:
    """Where everything below the zero point is clamped, its rounding does not matter."""
    small = target.optimize is Optimize.SIZE
    return _fits(layer, target) and layer.act_min == layer.out_zero and not small


GEMM = ("kernels/eq_mve_gemv_s8.c", "kernels/eq_mve_gemv.h", "kernels/eq_mve_gemm.h",
        "kernels/eq_mve.h")
_SHARED = ("kernels/eq_mve_conv2d.c", "kernels/eq_mve_gemm_pair.h", *GEMM)


def _pack_left(layer: MacLayer) -> NDArray[np.int8]:
    return pack_records(column_rows(layer), layer, left=True)


def _kernel(name: str, fits: Callable[[MacLayer, Target], bool]) -> MacKernel:
    return MacKernel(
        func=f"eq_conv2d{name}_s8_mve", isa="mve", source=f"kernels/eq_conv2d{name}_s8_mve.c",
        fits=fits, pack=_pack, layout=LAYOUT, scratch=strip_bytes,
        headers=(f"kernels/eq_mve_gemm{name}_s8.c", *_SHARED),
        own_tables=True, overlap=strip_overlap,
    )


# Products with left shifts, for channels whose factor is 1 or more
GEMM_LEFT = ("kernels/eq_mve_gemv_left_s8.c", *GEMM[1:])
_LEFT = replace(
    _kernel("_left", lambda layer, target: True), pack=_pack_left, layout=f"{LAYOUT}, left[4] int8",
    headers=("kernels/eq_mve_gemm_left_s8.c", *_SHARED[:2], *GEMM_LEFT))
KERNELS = tuple(with_plain_constants(k)
                for k in (_kernel("_relu", _relu), _kernel("", _fits), _LEFT))
