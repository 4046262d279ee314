"""Helium (MVE) dense layer: the records of the convolutions."""

from __future__ import annotations

from edgeq.board import Target
from edgeq.kernels.base import MacKernel, MacLayer
from edgeq.kernels.constant import with_plain_constants
from edgeq.kernels.conv2d_mve import GEMM, GEMM_LEFT, LAYOUT, pack_records, right_shifts


def _scratch(layer: MacLayer) -> int:
    """A row that does not fill its last step of 16."""
    return 0 if layer.in_c % 16 == 0 else -(-layer.in_c // 16) * 16


def _kernel(name: str, headers: tuple[str, ...], layout: str, *, left: bool) -> MacKernel:
    def fits(layer: MacLayer, target: Target) -> bool:
        return left or right_shifts(layer)

    return with_plain_constants(MacKernel(
        func=f"eq_dense{name}_s8_mve", isa="mve", source=f"kernels/eq_dense{name}_s8_mve.c",
        fits=fits, pack=lambda layer: pack_records(layer.weights, layer, left=left),
        layout=layout, scratch=_scratch, headers=("kernels/eq_mve_dense.h", *headers),
        own_tables=True))


KERNELS = (_kernel("", GEMM, LAYOUT, left=False),
           _kernel("_left", GEMM_LEFT, f"{LAYOUT}, left[4] int8", left=True))
