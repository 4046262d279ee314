"""Convolutions with 4-bit weights: portable, Helium, DSP, NEON.

Geometry, scratch and overlap are those of the int8 kernels around the same loops; only the
product and with it the packing differ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels import conv2d_dsp, conv2d_mve, conv2d_neon
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.nibbles import eights, halves, pairs, records

HALVES = "rows of ceil(k / 2) bytes: tap i low, tap i + ceil(k / 2) high"
RECORDS = ("records of 4 channels: taps (steps, 2, 16) of two channels a byte, in the order "
           "(kw, kh, in_c), bias[4], mult[4] int32, shift[4] int8")
STREAM = ("a stream for every {} channels: words of 8 k by turns, twice the bias, mult, shift - 1; "
          "halves (n3, n7) (n2, n6) (n1, n5) (n0, n4) meet k (0, 2) (1, 3) (4, 6) (5, 7)")
PAIRS = "(out_c/2, k/16, 16), even channel low, zero padded"

NEON_HEADERS = ("kernels/eq_neon.h", "kernels/eq_neon_w4.h")
GEMV = ("kernels/eq_mve_gemv_s8w4.c", "kernels/eq_mve_w4.h", "kernels/eq_mve_gemm.h",
        "kernels/eq_mve.h")


def weight_sum(layer: MacLayer) -> int:
    """Largest sum of |weights| of a channel."""
    rows = np.abs(layer.weights.reshape(layer.out_c, -1).astype(np.int64))
    return int(rows.sum(1).max())


def sums_fit_16(layer: MacLayer, target: Target) -> bool:
    """True where 16 times the sum without bias fits 32 bits, and no channel shifts left."""
    return weight_sum(layer) < 1 << 20 and int(layer.shift.max()) <= 0


def sums_fit_4096(layer: MacLayer) -> bool:
    """True where 4096 times the sum without bias fits 32 bits, and twice that with it."""
    return (weight_sum(layer) < 1 << 12 and conv2d_dsp.only_right_shifts(layer)
            and layer.acc_bound < 1 << 29)


def stream(layer: MacLayer, group: int) -> NDArray[np.int8]:
    """The weight stream of eq_gemm_w4_dsp.h for groups of 2 or 4 channels; out_c is filled up."""
    rows = layer.weights.reshape(layer.out_c, -1)
    groups = -(-layer.out_c // group)

    def grouped(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
        padded = np.zeros((groups * group, *values.shape[1:]), np.uint32)
        padded[:layer.out_c] = values
        return padded.reshape(groups, group, *values.shape[1:])

    twice = 2 * layer.bias.astype(np.int64)
    shifts = grouped(conv2d_dsp.right_shifts(layer))
    parts = (
        grouped(eights(rows)).transpose(0, 2, 1).reshape(groups, -1),
        grouped(twice.astype("<i4").view("<u4")), grouped(layer.mult.astype("<i4").view("<u4")),
        (shifts << (8 * np.arange(group, dtype=np.uint32))).sum(1, keepdims=True, dtype=np.uint32),
    )
    return np.concatenate(parts, axis=1).astype("<u4").reshape(-1).view(np.int8)


def _taps(layer: MacLayer) -> int:
    return layer.kh * layer.kw * layer.in_c


def _dsp_scratch(layer: MacLayer) -> int:
    words = -(-_taps(layer) // 8)
    return 48 * words if layer.pointwise and layer.in_c % 8 == 0 else 72 * words


def _neon(isa: str) -> MacKernel:
    """The int8 kernel's scratch around another product and packing."""
    return replace(
        _NEON, isa=isa, func=f"eq_conv2d_s8w4_{isa}", source=f"kernels/eq_conv2d_s8w4_{isa}.c",
        fits=sums_fit_16, pack=lambda layer: pairs(conv2d_neon.padded_rows(layer, 8)),
        layout=PAIRS, tables=conv2d_neon.tables8, own_tables=False, weight_bits=4,
        headers=(*NEON_HEADERS, "kernels/eq_neon_w4_conv.h", "kernels/eq_neon_conv.h"))


_NEON = next(k for k in conv2d_neon.KERNELS if k.func == "eq_conv2d_s8_neon")
_MVE = next(k for k in conv2d_mve.KERNELS if k.func == "eq_conv2d_s8_mve")

KERNELS = (
    MacKernel(
        func="eq_conv2d_s8w4", isa="c", source="ops/eq_conv2d_s8w4.c",
        fits=lambda layer, target: True,
        pack=lambda layer: halves(layer.weights.reshape(layer.out_c, -1)).reshape(-1),
        layout=HALVES, scratch=lambda layer: 2 * (_taps(layer) + _taps(layer) % 2),
        headers=("ops/eq_conv_taps.h",), weight_bits=4,
        overlap=lambda layer: conv2d_dsp.overlap_patches(layer, 1),
    ),
    replace(
        _MVE, func="eq_conv2d_s8w4_mve", source="kernels/eq_conv2d_s8w4_mve.c",
        fits=lambda layer, target: sums_fit_16(layer, target) and layer.dil_w == 1,
        pack=lambda layer: records(conv2d_mve.column_rows(layer), layer), layout=RECORDS,
        weight_bits=4, headers=("kernels/eq_mve_gemm_s8w4.c", "kernels/eq_mve_gemm_pair.h",
                                "kernels/eq_mve_conv2d.c", *GEMV),
    ),
    with_plain_constants(MacKernel(
        func="eq_conv2d_s8w4_dsp", isa="dsp", source="kernels/eq_conv2d_s8w4_dsp.c",
        fits=lambda layer, target: sums_fit_4096(layer) and layer.out_c % 2 == 0,
        pack=lambda layer: stream(layer, 2), layout=STREAM.format(2), scratch=_dsp_scratch,
        headers=("kernels/eq_gemm3_s8w4_dsp.c", "kernels/eq_gemm_w4_dsp.h",
                 "kernels/eq_gemm_dsp.h", "kernels/eq_patch_dsp.h"),
        own_tables=True, overlap=lambda layer: conv2d_dsp.overlap_patches(layer, 3),
        weight_bits=4,
    )),
    _neon("neon_dot"),
    _neon("neon"),
)
