"""Weights and biases as integers: scales a tensor or a channel, guarded against overflow."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, IntArray, QuantParams
from edgeq.layers import MacView
from edgeq.quant.coarse import coarse_integers, coarse_scale, group_of, is_coarse
from edgeq.quant.params import symmetric_params
from edgeq.recipe import Recipe, WeightRange

_BIAS_BITS = 28  # |bias| stays below 2**28, so that |accumulator| stays below 2**30
_FINE_BITS = 24  # products finer than out_scale / 2**24 do not help, but cost multiplier range
_SHRINK = np.linspace(1.0, 0.5, 51)


def weight_params(layer: MacView, q_in: QuantParams, q_out: QuantParams, recipe: Recipe,
                  bits: int = 8) -> QuantParams:
    """Symmetric parameters of the layer's weights, integers in [-(2**(bits-1) - 1), ...].

    With a group size in the recipe, or fewer than 4 bits, those of coarse.py. Scales are raised
    where the bias would not fit in int32 or the channel is (nearly) dead.
    """
    rows = layer.out_rows().astype(np.float64)  # (out_c, k)
    bias = np.abs(layer.bias.astype(np.float64))
    if not recipe.per_channel:
        rows, bias = rows.reshape(1, -1), bias.max(keepdims=True)
    group = group_of(layer, bits, recipe.group_size)
    top = (1 << (bits - 1)) - 1
    if group or bits < 4:
        scale = coarse_scale(rows, gcd(group, layer.weight.shape[-1]) if group else 0, bits)
    else:
        scale = np.abs(rows).max(1) / top
        if recipe.weight_range is WeightRange.MSE:
            scale = scale * _best_shrink(rows, scale, top)
    in_scale, out_scale = float(q_in.scale), float(q_out.scale)
    scale = np.maximum(scale, bias / (in_scale * 2.0**_BIAS_BITS))
    scale = np.maximum(scale, out_scale / (in_scale * 2.0**_FINE_BITS))
    if not recipe.per_channel:
        return symmetric_params(scale[0], bits, None)
    return replace(symmetric_params(scale, bits, layer.axis), group=group)


def _best_shrink(rows: NDArray[np.float64], scale: NDArray[np.float64],
                 top: int) -> NDArray[np.float64]:
    """Per row, the factor on its scale that leaves the least square error: (rows,)."""
    safe = np.where(scale > 0, scale, 1.0)[:, None]
    unit = rows / safe  # in [-top, top]
    errors = [((np.clip(np.rint(unit / f), -top, top) * f - unit) ** 2).sum(1) for f in _SHRINK]
    return np.asarray(_SHRINK[np.argmin(errors, axis=0)], np.float64)


def quantize_weight(weight: FloatArray, q: QuantParams) -> IntArray:
    """`weight` as symmetric integers."""
    if is_coarse(q):
        return coarse_integers(weight, q)
    top = q.qmax
    return np.maximum(q.quantize(weight), -top).astype(np.int8)


def bias_params(q_in: QuantParams, q_w: QuantParams) -> QuantParams:
    """Parameters of the int32 bias: scale in * weight, zero 0."""
    scale = np.asarray(q_in.scale * q_w.scale)
    axis = None if q_w.axis is None else 0
    return QuantParams(scale, np.zeros(scale.shape, np.int32), 32, axis)


def quantize_bias(bias: NDArray[np.floating], q: QuantParams) -> IntArray:
    """`bias` as int32."""
    limit = float(1 << 30)
    return np.clip(np.rint(np.asarray(bias, np.float64) / q.scale), -limit, limit).astype(np.int32)
