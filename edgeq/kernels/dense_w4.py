"""Dense layers with 4-bit weights: portable, Helium, DSP, NEON."""

from __future__ import annotations

from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_neon import padded_rows, tables8
from edgeq.kernels.conv2d_w4 import (
    GEMV,
    HALVES,
    NEON_HEADERS,
    PAIRS,
    RECORDS,
    STREAM,
    stream,
    sums_fit_16,
    sums_fit_4096,
)
from edgeq.kernels.nibbles import halves, pairs, records


def _row_bytes(layer: MacLayer) -> int:
    return 0 if layer.in_c % 16 == 0 else -(-layer.in_c // 16) * 16


def _neon(isa: str) -> MacKernel:
    return MacKernel(
        func=f"eq_dense_s8w4_{isa}", isa=isa, source=f"kernels/eq_dense_s8w4_{isa}.c",
        fits=sums_fit_16, pack=lambda layer: pairs(padded_rows(layer, 8)), layout=PAIRS,
        tables=tables8, scratch=_row_bytes, weight_bits=4,
        headers=(*NEON_HEADERS, "kernels/eq_neon_w4_dense.h"))


KERNELS = (
    MacKernel(
        func="eq_dense_s8w4", isa="c", source="ops/eq_dense_s8w4.c",
        fits=lambda layer, target: True,
        pack=lambda layer: halves(layer.weights).reshape(-1),
        layout=HALVES, scratch=lambda layer: 0, weight_bits=4,
    ),
    MacKernel(
        func="eq_dense_s8w4_mve", isa="mve", source="kernels/eq_dense_s8w4_mve.c",
        fits=sums_fit_16, pack=lambda layer: records(layer.weights, layer),
        layout=RECORDS, scratch=_row_bytes, headers=GEMV, own_tables=True, weight_bits=4,
    ),
    with_plain_constants(MacKernel(
        func="eq_dense_s8w4_dsp", isa="dsp", source="kernels/eq_dense_s8w4_dsp.c",
        fits=lambda layer, target: sums_fit_4096(layer) and layer.in_c % 8 == 0,
        pack=lambda layer: stream(layer, 4), layout=STREAM.format(4), scratch=lambda layer: 0,
        headers=("kernels/eq_dense_dsp.h", "kernels/eq_gemm_w4_dsp.h", "kernels/eq_gemm_dsp.h"),
        own_tables=True, weight_bits=4,
    )),
    _neon("neon_dot"),
    _neon("neon"),
)
