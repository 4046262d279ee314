"""Layers with packed weights: unpacked a few channels at a time for the loops of the int8 kernels.

One C function takes 4, 2 and 1 bits, with factors for runs of weights or for whole rows; what it
unpacks to is the record of an int8 kernel of its instruction set, so geometry, bounds and
arithmetic are that kernel's. Portable C, Helium, DSP, ARMv7-M, ARMv6-M; NEON unpacks in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.kernels import (
    conv2d_dsp,
    conv2d_mve,
    conv2d_neon,
    conv2d_v6m,
    conv2d_v7m,
    dense_dsp,
    dense_mve,
    dense_v6m,
)
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import plain_constants
from edgeq.kernels.levels import pack_units, split_factors

_FILL = 5120  # bytes of weights that are unpacked at a time, or one block
_BITS = (4, 2, 1)
LAYOUT = "eq_packed_t; for every {} channels {}factors, levels by units of {}{}"

Bytes = NDArray[np.int8]
Tables = Callable[[MacLayer, Bytes], Bytes]  # of a layer with rows (out_c, k): (blocks, bytes)


def _none(layer: MacLayer, rows: Bytes) -> Bytes:
    return np.zeros((1, 0), np.int8)


def _row(layer: MacLayer) -> int:
    """Weights of an output channel."""
    return layer.kh * layer.kw * layer.in_c


@dataclass(frozen=True)
class Form:
    """What a block unpacks to."""

    channels: int
    unit: int  # weights of one channel that lie together
    head: Tables = _none  # bytes before the weights
    tail: Tables = _none  # and behind
    table_bytes: int = 0  # of both
    by_column: bool = False  # weights in the order (kw, kh, in_c)

    def rows(self, layer: MacLayer) -> Bytes:
        """(out_c, k) in the kernel's order."""
        if self.by_column and layer.weights.ndim == 4:
            return conv2d_mve.column_rows(layer)
        return layer.weights.reshape(layer.out_c, -1)

    def taps(self, layer: MacLayer) -> int:
        """Weights of a row, filled up to whole units."""
        return -(-_row(layer) // self.unit) * self.unit

    def record(self, layer: MacLayer) -> int:
        """Bytes of an unpacked block."""
        return self.table_bytes + self.channels * self.taps(layer)

    def block(self, layer: MacLayer) -> int:
        """Channels that are unpacked at a time."""
        blocks = max(1, _FILL // self.record(layer))
        return min(blocks, -(-layer.out_c // self.channels)) * self.channels

    def filled(self, layer: MacLayer) -> int:
        """Bytes of scratch for them, a multiple of 16."""
        return -(-self.block(layer) // self.channels * self.record(layer) // 16) * 16

    def fits(self, layer: MacLayer) -> bool:
        """Whole units where weights have no zero, or where factors change within a row."""
        exact = _row(layer) % self.unit == 0
        return exact or (layer.weight_bits != 1 and layer.run == 0)

    def pack(self, layer: MacLayer) -> Bytes:
        """eq_packed_t and the blocks."""
        rows = self.rows(layer)
        split = split_factors(rows, layer.run, layer.weight_bits)
        assert split is not None, "stored_bits has checked it"
        levels, factors = split
        n, taps, c = -(-layer.out_c // self.channels), self.taps(layer), self.channels
        runs = factors.shape[1]
        filled = np.zeros((n * c, taps), np.int8)
        filled[:rows.shape[0], :rows.shape[1]] = levels
        units = filled.reshape(n, c, -1, self.unit).transpose(0, 2, 1, 3)
        packed = pack_units(np.ascontiguousarray(units.reshape(n, -1, self.unit)),
                            layer.weight_bits)
        m = np.zeros((n, c, runs), np.uint8)
        m.reshape(n * c, runs)[:rows.shape[0]] = factors
        by_run = m.transpose(0, 2, 1).reshape(n, -1).view(np.int8)
        head, tail = (t(layer, rows) for t in (self.head, self.tail))
        assert head.shape[1] + tail.shape[1] == self.table_bytes
        parts = [np.broadcast_to(head, (n, head.shape[1])), _words(by_run), packed,
                 np.broadcast_to(tail, (n, tail.shape[1]))]
        header = np.array([layer.weight_bits | c << 8, head.shape[1] | tail.shape[1] << 8, runs,
                           taps // self.unit // runs, self.block(layer), 0, 0, 0], "<u2")
        return np.concatenate([header.view(np.int8), np.concatenate(parts, 1).reshape(-1)])


def _words(rows: Bytes) -> Bytes:
    """Rows filled up to a multiple of 4 bytes."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))


def _table(values: NDArray[np.generic], n: int) -> Bytes:
    """The bytes of a table (out_c,) for every n channels."""
    filled = np.pad(values, (0, -values.size % n))
    return np.ascontiguousarray(filled.astype(values.dtype.newbyteorder("<"))).view(
        np.int8).reshape(-1, n * values.dtype.itemsize)


def _mve_tail(layer: MacLayer, rows: Bytes) -> Bytes:
    return np.concatenate([_table(t, 4) for t in (layer.bias, layer.mult, layer.shift)], 1)


def _neon_tail(layer: MacLayer, rows: Bytes) -> Bytes:
    shift = layer.shift.astype(np.int32)
    return np.concatenate([_table(t, 4) for t in (layer.bias, layer.mult, shift)], 1)


def _dsp_tables(layer: MacLayer, rows: Bytes) -> tuple[NDArray[np.int32], ...]:
    return conv2d_dsp.twice_bias(layer, rows), layer.mult, conv2d_dsp.right_shifts(layer).astype(
        np.int32)


def _dsp_tail(layer: MacLayer, rows: Bytes) -> Bytes:
    """Of eq_gemm3_s8_dsp: both shifts in one word."""
    bias, mult, shift = _dsp_tables(layer, rows)
    both = _table(shift.astype(np.int8), 2)
    return np.concatenate([_table(bias, 2), _table(mult, 2), _words(both)], 1)


def _dsp_dense_tail(layer: MacLayer, rows: Bytes) -> Bytes:
    bias, mult, shift = _dsp_tables(layer, rows)
    return np.concatenate([_table(bias, 4), _table(mult, 4), _table(shift.astype(np.int8), 4)], 1)


def _v7m_head(layer: MacLayer, rows: Bytes) -> Bytes:
    return _table(layer.bias, 1)


def _v7m_tail(layer: MacLayer, rows: Bytes) -> Bytes:
    shift = conv2d_dsp.right_shifts(layer).astype(np.int32)
    return np.concatenate([_table(layer.mult, 1), _table(shift, 1)], 1)


_PLAIN = Form(1, 4)
_MVE = Form(4, 16, tail=_mve_tail, table_bytes=36, by_column=True)
_DSP = Form(2, 4, tail=_dsp_tail, table_bytes=20)
_DSP_DENSE = Form(4, 4, tail=_dsp_dense_tail, table_bytes=36)
_V7M = Form(1, 4, head=_v7m_head, tail=_v7m_tail, table_bytes=12)
_NEON = Form(4, 16, tail=_neon_tail, table_bytes=48)


def _whole(form: Form, layer: MacLayer, distance: int) -> int | None:
    """Where all channels are unpacked at once, pixels go in order as in the int8 kernel."""
    return distance if form.block(layer) >= layer.out_c else None


def _kernels(func: str, isa: str, form: Form, base: MacKernel | None, headers: tuple[str, ...],
             scratch: Callable[[MacLayer], int], own_tables: bool = True,
             overlap: Callable[[MacLayer], int | None] = lambda layer: None,
             needs: Callable[[MacLayer], bool] = lambda layer: True,
             ) -> tuple[MacKernel, ...]:
    """The kernel `func` for each width; what it multiplies with takes what `base` takes."""
    def fits(layer: MacLayer, target: Target) -> bool:
        return base is None or (form.fits(layer) and needs(layer) and base.fits(layer, target))

    def plain(layer: MacLayer) -> MacLayer:
        return layer if base is None else plain_constants(layer)

    source = f"ops/{func}.c" if isa == "c" else f"kernels/{func}.c"
    unit = f"{form.unit} weights"
    kernel = MacKernel(
        func=func, isa=isa, source=source, fits=fits, pack=lambda layer: form.pack(plain(layer)),
        layout=LAYOUT.format(form.channels, "tables, " if form.head is not _none else "", unit,
                             ", tables" if form.tail is not _none else ""),
        scratch=scratch, headers=("ops/eq_packed.h", *headers), own_tables=own_tables,
        overlap=overlap, factors=True)
    if base is not None and not own_tables:
        kernel = replace(kernel, tables=base.tables)
    return tuple(replace(kernel, weight_bits=bits) for bits in _BITS)


def _named(kernels: tuple[MacKernel, ...], func: str) -> MacKernel:
    return next(k for k in kernels if k.func == func)


def _taps16(layer: MacLayer) -> int:
    """Bytes of the taps of a pixel as int16."""
    return 2 * (_row(layer) + 1)


_CONV_MVE = _named(conv2d_mve.KERNELS, "eq_conv2d_s8_mve")
_CONV_DSP = _named(conv2d_dsp.KERNELS, "eq_conv2d_shallow_s8_dsp")
_DENSE_MVE = _named(dense_mve.KERNELS, "eq_dense_s8_mve")
_DENSE_DSP = dense_dsp.KERNELS[0]
_DENSE_V6M = dense_v6m.KERNELS[0]
_CONV_V7M, _CONV_V6M = conv2d_v7m.KERNELS[0], conv2d_v6m.KERNELS[0]
_CONV_NEON = _named(conv2d_neon.KERNELS, "eq_conv2d_s8_neon")


def _row_copy(layer: MacLayer) -> int:
    return 0 if layer.in_c % 16 == 0 else -(-layer.in_c // 16) * 16


CONV2D = (
    *_kernels("eq_conv2d_s8p", "c", _PLAIN, None, ("ops/eq_conv_taps.h",),
              lambda layer: _PLAIN.filled(layer) + _taps16(layer), own_tables=False,
              overlap=lambda layer: _whole(_PLAIN, layer, conv2d_dsp.overlap_patches(layer, 1))),
    *_kernels("eq_conv2d_s8p_mve", "mve", _MVE, _CONV_MVE,
              ("kernels/eq_mve_packed.h", "kernels/eq_mve_gemm_s8.c", *_CONV_MVE.headers),
              lambda layer: _MVE.filled(layer) + conv2d_mve.strip_bytes(layer),
              overlap=lambda layer: _whole(_MVE, layer, conv2d_mve.strip_overlap(layer))),
    *_kernels("eq_conv2d_s8p_dsp", "dsp", _DSP, _CONV_DSP,
              ("kernels/eq_dsp_packed.h", "kernels/eq_patch_dsp.h", *conv2d_dsp.SHARED),
              lambda layer: _DSP.filled(layer) + 9 * _DSP.taps(layer),
              overlap=lambda layer: _whole(_DSP, layer, conv2d_dsp.overlap_patches(layer, 3))),
    *_kernels("eq_conv2d_s8p_v7m", "v7m", _V7M, _CONV_V7M, _CONV_V7M.headers,
              lambda layer: _V7M.filled(layer) + conv2d_v7m.patches_bytes(layer),
              overlap=lambda layer: _whole(_V7M, layer, conv2d_v7m.overlap(layer))),
    *_kernels("eq_conv2d_s8p_v6m", "v6m", _PLAIN, _CONV_V6M, _CONV_V6M.headers,
              lambda layer: _PLAIN.filled(layer) + conv2d_v7m.patches_bytes(layer),
              own_tables=False,
              overlap=lambda layer: _whole(_PLAIN, layer, conv2d_v7m.overlap(layer))),
    *(replace(k, overlap_costs=True, in_place=_CONV_NEON.in_place)
      for isa in ("neon_dot", "neon") for k in _kernels(
        f"eq_conv2d_s8p_{isa}", isa, _NEON, _CONV_NEON,
        ("kernels/eq_neon_packed.h", "kernels/eq_neon.h", "kernels/eq_neon_conv.h"),
        _CONV_NEON.scratch, overlap=_CONV_NEON.overlap)),
)
DENSE = (
    *_kernels("eq_dense_s8p", "c", _PLAIN, None, (), _PLAIN.filled, own_tables=False),
    *_kernels("eq_dense_s8p_mve", "mve", _MVE, _DENSE_MVE,
              ("kernels/eq_mve_packed.h", *_DENSE_MVE.headers),
              lambda layer: ((0 if layer.weight_bits == 4 and layer.rows == 1
                              else _MVE.filled(layer)) + _row_copy(layer))),
    *_kernels("eq_dense_s8p_dsp", "dsp", _DSP_DENSE, _DENSE_DSP,
              ("kernels/eq_dsp_packed.h", "kernels/eq_dense_s8_dsp.c", *_DENSE_DSP.headers),
              _DSP_DENSE.filled),
    *(k for isa in ("v7m", "v6m") for k in _kernels(
        "eq_dense_s8p_v6m", isa, _PLAIN, _DENSE_V6M,
        ("kernels/eq_dense_s8_v6m.c", *_DENSE_V6M.headers), _PLAIN.filled, own_tables=False,
        needs=lambda layer: layer.in_c % 4 == 0)),
    *(k for isa in ("neon_dot", "neon") for k in _kernels(
        f"eq_dense_s8p_{isa}", isa, _NEON, _CONV_NEON,
        ("kernels/eq_neon_packed.h", "kernels/eq_neon.h"), _row_copy)),
)
