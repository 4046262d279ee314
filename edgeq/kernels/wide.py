"""Layers with 16-bit activations and int8 weights: 64-bit sums, in variants 32-bit ones.

A variant takes a layer whose accumulators fit 32 bits for any input, as those of nearly all do: the
weights of a channel may sum up to 65535. Its requantization is one high product and one rounding
shift: with the 15-bit factor f and the right shift r of `wide_factors`, s = max(r - 31, 1) and
m = f * 2**(31 + s - r) < 2**31,

    floor((2 * acc * m) / 2**32) = floor(acc * f / 2**(r - s)),

and a rounding shift of that by s is exactly floor(acc * f / 2**r + 1 / 2), the specification: what
the first step drops lies below the bit that the second one rounds. So MVE and NEON take VQDMULH and
VRSHL; Cortex-M takes the upper word of acc * 2 m.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels import conv2d_dsp, conv2d_mve, depthwise_v7m
from edgeq.kernels.base import MacKernel, MacLayer, MacTables
from edgeq.kernels.constant import with_plain_constants
from edgeq.requant import wide_factors

Words = NDArray[np.int32]
_LINES = 1024  # bytes of rows of input that depthwise kernels copy, or those of 8 channels


def _tables(layer: MacLayer) -> MacTables:
    """Bias, the 15-bit multiplier and the right shift behind it."""
    factor, right = wide_factors(layer.mult, layer.shift)
    return MacTables(layer.bias, factor, right)


def _portable(func: str, layout: str, *headers: str) -> MacKernel:
    return MacKernel(
        func=func, isa="c", source=f"ops/{func}.c", fits=lambda layer, target: True,
        pack=lambda layer: layer.weights.reshape(-1), layout=layout, scratch=lambda layer: 0,
        tables=_tables, act_bits=16, headers=("ops/eq_dot_s16.h", *headers))


def high_factors(layer: MacLayer) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(m, s) of every channel as above."""
    factor, right = (v.astype(np.int64) for v in wide_factors(layer.mult, layer.shift))
    shift = np.maximum(right - 31, 1)
    return factor << np.clip(31 + shift - right, 0, 32), shift


def _fits(layer: MacLayer, most: int) -> bool:
    return layer.acc_bound < 1 << 31 and int(high_factors(layer)[0].max()) < most


def _fits_vector(layer: MacLayer, target: Target) -> bool:
    return _fits(layer, 1 << 31)


def _fits_word(layer: MacLayer, target: Target) -> bool:
    return _fits(layer, 1 << 30)


def _vector_tables(layer: MacLayer) -> tuple[Words, Words, Words]:
    """Bias, m, -s."""
    mult, shift = high_factors(layer)
    return layer.bias, mult.astype(np.int32), (-shift).astype(np.int32)


def _word_tables(layer: MacLayer) -> tuple[Words, Words, Words]:
    """Bias, 2 m, s."""
    mult, shift = high_factors(layer)
    return layer.bias, (2 * mult).astype(np.int32), shift.astype(np.int32)


def _filled(values: NDArray[np.generic], *sizes: int) -> NDArray[np.generic]:
    """`values` with zeros behind, up to multiples of `sizes` along the first axes."""
    pads = [(0, -n % size) for n, size in zip(values.shape, sizes, strict=False)]
    return np.pad(values, pads + [(0, 0)] * (values.ndim - len(pads)))


def _grouped(table: NDArray[np.generic], n: int) -> NDArray[np.int8]:
    """The bytes of `table` (out_c,) for each n channels: (groups, bytes)."""
    filled = _filled(table, n).astype(table.dtype.newbyteorder("<"))
    return filled.reshape(-1, n).view(np.int8)


def _records(taps: NDArray[np.int8], tables: tuple[NDArray[np.generic], ...],
             n: int) -> NDArray[np.int8]:
    """For each n channels their taps (groups, ...), then n entries of each table."""
    parts = (taps.reshape(len(taps), -1), *(_grouped(t, n) for t in tables))
    return np.concatenate(parts, axis=1).reshape(-1)


def _rows(layer: MacLayer) -> NDArray[np.int8]:
    return layer.weights.reshape(layer.out_c, -1)


def _mve_records(rows: NDArray[np.int8], layer: MacLayer) -> NDArray[np.int8]:
    taps = _filled(rows, 4, 8)
    steps = taps.reshape(len(taps) // 4, 4, -1, 8).transpose(0, 2, 1, 3)
    bias, mult, shift = _vector_tables(layer)
    return _records(steps.astype(np.int8), (bias, mult, shift.astype(np.int8)), 4)


def _neon_records(layer: MacLayer) -> NDArray[np.int8]:
    taps = _filled(_rows(layer), 4, 8)
    pairs = taps.reshape(len(taps) // 4, 2, 2, -1, 8).transpose(0, 1, 3, 2, 4)
    return _records(pairs.astype(np.int8), _vector_tables(layer), 4)


_HALVES = [0, 2, 1, 3]  # of four weights in a word, as SXTB16 takes them apart


def _dsp_records(layer: MacLayer, n: int, step: int) -> NDArray[np.int8]:
    taps = _filled(_rows(layer), n, step)
    words = taps.reshape(len(taps) // n, n, -1, 4)[..., _HALVES].transpose(0, 2, 1, 3)
    return _records(words.astype(np.int8), _word_tables(layer), n)


def _pair_records(layer: MacLayer, step: int) -> NDArray[np.int8]:
    taps = _filled(_rows(layer), 2, step)
    by_turns = taps.reshape(len(taps) // 2, 2, -1).transpose(0, 2, 1)
    return _records(by_turns.astype(np.int8), _word_tables(layer), 2)


def _line(layer: MacLayer) -> int:
    """Bytes of one channel of the input rows under the window."""
    return 2 * ((layer.kh - 1) * layer.dil_h + 1) * layer.in_w


def _pass(layer: MacLayer) -> int:
    """Channels that a depthwise kernel in place does at a time."""
    return min(layer.out_c, max(1, _LINES // (8 * _line(layer))) * 8)


def _lines(layer: MacLayer) -> int:
    """Bytes of the rows under the window."""
    return _line(layer) * _pass(layer)


def _depthwise(layer: MacLayer, taps: NDArray[np.int8], tables: tuple[Words, ...], n: int,
               order: list[int]) -> NDArray[np.int8]:
    """Channels a pass, all taps, then for each n channels the tables in `order`."""
    grouped = [_grouped(t, n).reshape(-1, n, 4)[:, order].reshape(-1, 4 * n) for t in tables]
    head = np.array([_pass(layer)], "<i4").view(np.int8)
    return np.concatenate((head, _filled(taps.reshape(-1), 4).astype(np.int8),
                           np.concatenate(grouped, axis=1).reshape(-1)))


def _dsp_depthwise(layer: MacLayer) -> NDArray[np.int8]:
    taps = layer.weights.reshape(-1, layer.out_c // 4, 4)[..., _HALVES]
    return _depthwise(layer, taps, _word_tables(layer), 4, [0, 1, 2, 3])


def _bytes(layer: MacLayer) -> MacLayer:
    """The layer as copies of bytes see it."""
    return replace(layer, in_c=2 * layer.in_c, out_c=2 * layer.out_c)


def _patches(layer: MacLayer, tile: int) -> int:
    return 2 * tile * (-(-layer.kh * layer.kw * layer.in_c // 8) * 8)


def _row_copy(layer: MacLayer) -> int:
    return 0 if layer.in_c % 8 == 0 else -(-layer.in_c // 8) * 16


def _variant(func: str, isa: str, fits: Callable[[MacLayer, Target], bool],
             pack: Callable[[MacLayer], NDArray[np.int8]], layout: str,
             scratch: Callable[[MacLayer], int], headers: tuple[str, ...]) -> MacKernel:
    return with_plain_constants(MacKernel(
        func=func, isa=isa, source=f"kernels/{func}.c", fits=fits, pack=pack, layout=layout,
        scratch=scratch, headers=headers, own_tables=True, act_bits=16))


def _tiled(kernel: MacKernel, tile: int) -> MacKernel:
    """A convolution that has `tile` patches in scratch before it writes their outputs."""
    return replace(
        kernel, overlap=lambda layer: conv2d_dsp.overlap_patches(_bytes(layer), tile))


def _single(fits: Callable[[MacLayer, Target], bool], step: int,
            ) -> Callable[[MacLayer, Target], bool]:
    """Depthwise layers of one output for each input channel, whole groups of `step` channels."""
    return lambda layer, target: (layer.in_c == layer.out_c and layer.out_c % step == 0
                                  and fits(layer, target))


def _slid(kernel: MacKernel) -> MacKernel:
    """A kernel that reads the windows of a pixel while it writes it, pixel after pixel."""
    return replace(kernel, overlap=lambda layer: conv2d_dsp.overlap_direct(_bytes(layer)))


def _down(isa: str, fits: Callable[[MacLayer, Target], bool],
          pack: Callable[[MacLayer], NDArray[np.int8]], order: str, tables: str,
          headers: tuple[str, ...]) -> MacKernel:
    """A depthwise kernel: pixel after pixel, or in place with a few channels at a time."""
    kernel = _variant(
        f"eq_dwconv2d_s16_{isa}", isa, fits, pack,
        f"channels a pass, (kh, kw, out_c){order}, then tables for every {tables}", _lines,
        (*headers, *_DW))
    return replace(_slid(kernel), in_place=depthwise_v7m.in_place_rows)


def _no_scratch(layer: MacLayer) -> int:
    return 0


_MVE_GEMV = ("kernels/eq_mve_gemv_s16.c", "kernels/eq_mve_gemv.h", "kernels/eq_mve_gemm.h",
             "kernels/eq_mve.h")
_NEON = ("kernels/eq_neon.h", "kernels/eq_neon_s16.h")
_DSP = ("kernels/eq_dsp_s16.h", "kernels/eq_gemm_dsp.h", "kernels/eq_m_s16.h")
_M = ("kernels/eq_m_s16.h",)
_CONV = ("kernels/eq_conv_s16.h",)
_DW = ("kernels/eq_dw_s16.h", "ops/eq_taps_s16.h")
_TABLES = "bias[{0}], mult[{0}], shift[{0}]"
_V6M = (*_M, "kernels/eq_dot2_v6m.h")

CONV2D = (
    _slid(_portable("eq_conv2d_s16", "(out_c, kh, kw, in_c)", "ops/eq_taps_s16.h")),
    replace(_variant(
        "eq_conv2d_s16_mve", "mve",
        lambda layer, target: (_fits_vector(layer, target) and layer.dil_w == 1
                               and max(layer.in_c, layer.out_c) < 1 << 15),
        lambda layer: _mve_records(conv2d_mve.column_rows(layer), layer),
        "records of 4 channels: taps (steps, 4, 8) in the order (kw, kh, in_c), "
        + _TABLES.format(4), lambda layer: conv2d_mve.strip_bytes(_bytes(layer)),
        ("kernels/eq_mve_gemm_s16.c", "kernels/eq_mve_gemm_pair.h", "kernels/eq_mve_conv2d.c",
         *_MVE_GEMV)), overlap=lambda layer: conv2d_mve.strip_overlap(_bytes(layer))),
    _tiled(_variant(
        "eq_conv2d_s16_dsp", "dsp", _fits_word, lambda layer: _dsp_records(layer, 2, 8),
        "for every 2 channels words (w0, w2, w1, w3) by turns, " + _TABLES.format(2),
        lambda layer: _patches(layer, 4), (*_DSP, *_CONV)), 2),
    *(_tiled(_variant(
        f"eq_conv2d_s16_{isa}", isa, _fits_word, lambda layer: _pair_records(layer, 8),
        "for every 2 channels weights by turns, " + _TABLES.format(2),
        partial(_patches, tile=tile), (*headers, *_CONV)), tile)
      for isa, tile, headers in (("v7m", 2, _M), ("v6m", 1, _V6M))),
    _tiled(_variant(
        "eq_conv2d_s16_neon", "neon", _fits_vector, _neon_records,
        "records of 4 channels: two pairs (k/8, 2, 8), " + _TABLES.format(4),
        lambda layer: _patches(layer, 4), (*_NEON, *_CONV)), 4),
)
DEPTHWISE = (
    _slid(_portable("eq_dwconv2d_s16", "(kh, kw, out_c)")),
    _down("mve", _single(_fits_vector, 1),
          lambda layer: _depthwise(layer, layer.weights, _vector_tables(layer), 8,
                                   [0, 2, 4, 6, 1, 3, 5, 7]),
          "", "8 channels, the even ones first", ("kernels/eq_mve.h",)),
    _down("dsp", _single(_fits_word, 4), _dsp_depthwise, " with channels 0 2 1 3 of every 4",
          "4 channels", _DSP),
    _down("v7m", _single(_fits_word, 4),
          lambda layer: _depthwise(layer, layer.weights, _word_tables(layer), 4, [0, 1, 2, 3]),
          "", "4 channels", _M),
    _down("v6m", _single(_fits_word, 2),
          lambda layer: _depthwise(layer, layer.weights, _word_tables(layer), 2, [0, 1]),
          "", "2 channels", _M),
    _down("neon", _single(_fits_vector, 8),
          lambda layer: _depthwise(layer, layer.weights, _vector_tables(layer), 8, list(range(8))),
          "", "8 channels", _NEON),
)
DENSE = (
    _portable("eq_dense_s16", "(out_c, in_c)"),
    _variant("eq_dense_s16_mve", "mve", _fits_vector,
             lambda layer: _mve_records(_rows(layer), layer),
             "records of 4 channels: taps (steps, 4, 8), " + _TABLES.format(4), _row_copy,
             _MVE_GEMV),
    _variant("eq_dense_s16_dsp", "dsp",
             lambda layer, target: _fits_word(layer, target) and layer.in_c % 4 == 0,
             lambda layer: _dsp_records(layer, 4, 4),
             "for every 4 channels words (w0, w2, w1, w3) by turns, " + _TABLES.format(4),
             _no_scratch, _DSP),
    *(_variant(f"eq_dense_s16_{isa}", isa, _fits_word, lambda layer: _pair_records(layer, 2),
               "for every 2 channels weights by turns, " + _TABLES.format(2), _no_scratch,
               (*headers, "kernels/eq_dense_m_s16.h"))
      for isa, headers in (("v7m", _M), ("v6m", _V6M))),
    _variant("eq_dense_s16_neon", "neon", _fits_vector, _neon_records,
             "records of 4 channels: two pairs (k/8, 2, 8), " + _TABLES.format(4), _row_copy,
             _NEON),
)
