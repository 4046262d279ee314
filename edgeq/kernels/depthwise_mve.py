"""Helium (MVE) depthwise: 3x3 by records of 4 channels with their requantization, and any shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Optimize, Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_mve import right_shifts

# By stride: output pixels that the C file does at a time, and the width up to which it does a row
_CHUNK, _WHOLE = {1: 10, 2: 4}, {1: 24, 2: 12}


def _pack(layer: MacLayer) -> NDArray[np.int8]:
    """84 bytes for 4 channels: (4 channels, 3 columns, 3 rows and a 0), bias, mult, shift."""
    blocks = layer.out_c // 4
    taps = np.zeros((blocks, 4, 3, 4), np.int8)
    taps[..., :3] = layer.weights.transpose(2, 1, 0).reshape(blocks, 4, 3, 3)
    tables = (np.ascontiguousarray(t, t.dtype.newbyteorder("<")).view(np.int8).reshape(blocks, -1)
              for t in (layer.bias, layer.mult, layer.shift))
    return np.concatenate([taps.reshape(blocks, -1), *tables], axis=1).reshape(-1)


def _pixels(layer: MacLayer) -> int:
    """Output pixels of a piece of a row."""
    stride = layer.stride_w
    return layer.out_w if layer.out_w <= _WHOLE[stride] else _CHUNK[stride]


def _fits(layer: MacLayer) -> bool:
    geometry = (layer.kh, layer.kw, layer.dil_h, layer.dil_w) == (3, 3, 1, 1)
    return (geometry and layer.in_c == layer.out_c and layer.out_c % 4 == 0
            and max(layer.pad_top, layer.pad_left) < 3 and right_shifts(layer))


def _fits_1(layer: MacLayer) -> bool:
    return (layer.stride_h, layer.stride_w) == (1, 1) and _fits(layer)


def _scratch_1(layer: MacLayer) -> int:
    """Planes, the row that is kept, room for 64 bytes."""
    return (64 + 16) * (_pixels(layer) + 2) + 64


def _in_place(layer: MacLayer) -> bool:
    """Each pair of output rows lies where input rows were that are read already, or kept."""
    below = layer.out_w == layer.in_w and layer.out_h <= layer.in_h
    return below and layer.pad_top <= 1 and layer.out_w <= _WHOLE[1]


def _fits_2(layer: MacLayer) -> bool:
    return (layer.stride_h, layer.stride_w) == (2, 2) and _fits(layer)


def _scratch_2(layer: MacLayer) -> int:
    """Planes, 16 bytes that a last window may read, room for 64 bytes."""
    return 64 * (2 * _pixels(layer) + 1) + 16 + 64


def _overlap_by_rows(layer: MacLayer) -> int:
    """While a row is written, its windows are still read for other pixels and channels."""
    in_row, out_row = layer.in_w * layer.in_c, layer.out_w * layer.out_c
    rows = np.arange(layer.out_h)
    needed = np.maximum(0, rows * layer.stride_h - layer.pad_top) * in_row
    return max(0, int(((rows + 1) * out_row - needed).max()))


def _kernel(stride: int, relu: bool) -> MacKernel:
    name = f"eq_dwconv2d_3x3s{stride}{'_relu' if relu else ''}_s8_mve"
    fits = _fits_1 if stride == 1 else _fits_2

    def takes(layer: MacLayer, target: Target) -> bool:
        special = layer.act_min == layer.out_zero and target.optimize is not Optimize.SIZE
        return fits(layer) and (special or not relu)

    return MacKernel(
        func=name, isa="mve", source=f"kernels/{name}.c", fits=takes, pack=_pack,
        layout="records of 4 channels: 3 columns x (3 rows, 0), bias[4], mult[4] int32, shift[4]",
        scratch=_scratch_1 if stride == 1 else _scratch_2,
        headers=(f"kernels/eq_mve_dw3x3s{stride}.h", "kernels/eq_mve_dw3x3.h", "kernels/eq_mve.h"),
        own_tables=True, overlap=_overlap_by_rows if stride == 2 else lambda layer: None,
        in_place=_in_place if stride == 1 else lambda layer: False,
    )


ANY = MacKernel(
    func="eq_dwconv2d_s8_mve", isa="mve", source="kernels/eq_dwconv2d_s8_mve.c",
    fits=lambda layer, target: True, pack=lambda layer: layer.weights.reshape(-1),
    layout="(kh, kw, out_c)", scratch=lambda layer: 0, headers=("kernels/eq_mve.h",),
    overlap=_overlap_by_rows,
)
_3X3 = (_kernel(1, True), _kernel(1, False), _kernel(2, True), _kernel(2, False))
KERNELS = (*(with_plain_constants(k) for k in _3X3), ANY)
