"""Cortex-M DSP dense layer: weight streams for runtime_c/kernels/eq_dense_s8_dsp.c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_dsp import fits_dsp, right_shifts, twice_bias, weight_words


def _pack(layer: MacLayer) -> NDArray[np.int8]:
    """Streams of four channels, filled up with channels of zeros."""
    groups = -(-layer.out_c // 4)
    rows = layer.weights.reshape(layer.out_c, -1)

    def grouped(values: NDArray[np.generic]) -> NDArray[np.uint32]:
        padded = np.zeros((groups * 4, *values.shape[1:]), values.dtype)
        padded[: layer.out_c] = values
        return padded.reshape(groups, 4, *values.shape[1:])

    shifts = grouped(right_shifts(layer))
    parts = (
        grouped(weight_words(rows)).transpose(0, 2, 1).reshape(groups, -1),
        grouped(twice_bias(layer, rows).view("<u4")),
        grouped(layer.mult.astype("<i4").view("<u4")),
        (shifts << np.array([0, 8, 16, 24], np.uint32)).sum(1, keepdims=True, dtype=np.uint32),
    )
    return np.concatenate(parts, axis=1).astype("<u4").reshape(-1).view(np.int8)


def _fits(layer: MacLayer, target: Target) -> bool:
    return fits_dsp(layer, target) and layer.in_c % 4 == 0


KERNELS = tuple(with_plain_constants(kernel) for kernel in (
    MacKernel(
        func="eq_dense_s8_dsp", isa="dsp", source="kernels/eq_dense_s8_dsp.c",
        fits=_fits, pack=_pack,
        layout=("a stream for every 4 channels: words of 4 k by turns, twice the bias[4], mult[4], "
                "shifts - 1; a word is two halfwords 256 * odd + even"),
        scratch=lambda layer: 0, headers=("kernels/eq_dense_dsp.h", "kernels/eq_gemm_dsp.h"),
        own_tables=True,
    ),
))
