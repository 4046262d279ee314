"""The weight steps of 4-bit layers: per channel the one whose compensated rounding errs least.

With 15 levels the step decides more than the rounding: a finer one clips the largest weights, and
the compensation moves what is clipped into other weights. So every candidate is rounded with
compensation and judged by the error it leaves in the outputs, not in the weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir import FloatArray, Graph, QuantParams, Tensor
from edgeq.layers import MacView, mac_view
from edgeq.ops.base import Op
from edgeq.quant.coarse import coarse_rounded, is_coarse
from edgeq.quant.compensate import as_weights, compensated, round_compensated, rounding_problem
from edgeq.quant.params import symmetric_params
from edgeq.quant.weights import bias_params, quantize_bias

_FACTORS = (1.0, 0.7, 0.8, 0.9, 1.1, 1.25)  # of the step at hand


def with_best_steps(view: MacView, x: FloatArray, wanted: FloatArray, old: Tensor) -> Tensor:
    """The weights `old` of the layer with the best step of each channel and new integers.

    `x` are the layer's quantized inputs, `wanted` the float ones. One scale for the whole tensor
    stays as it is.
    """
    problem, q = rounding_problem(view, x, wanted), old.params
    if problem is None:
        return old
    groups, moments = problem
    scale = np.broadcast_to(q.scale, (groups.shape[0] * groups.shape[1],))
    factors = _FACTORS if q.axis is not None else _FACTORS[:1]
    best = np.full(scale.shape, np.inf)
    ints, chosen = np.zeros(groups.shape), scale
    for factor in factors:
        step = np.float32(scale * factor).astype(np.float64)
        column = step.reshape(*groups.shape[:2], 1)
        tried = round_compensated(groups / column, moments, float(q.qmax))
        error = tried * column - groups
        cost = np.einsum("gok,gkl,gol->go", error, moments, error, optimize=True).reshape(-1)
        better = cost < best
        best, chosen = np.where(better, cost, best), np.where(better, step, chosen)
        ints = np.where(better.reshape(column.shape), tried, ints)
    params = q if q.axis is None else symmetric_params(chosen, q.bits, q.axis)
    return replace(old, data=as_weights(view, ints), q=params)


def rounded(view: MacView, x: FloatArray, wanted: FloatArray, old: Tensor) -> Tensor:
    """The weights `old` rounded with compensation; those of fewer than 8 bits with best steps."""
    if is_coarse(old.params):
        return coarse_rounded(view, x, wanted, old)
    if old.params.bits < 8:
        return with_best_steps(view, x, wanted, old)
    ints = compensated(view, x, wanted, old.params)
    return old if ints is None else replace(old, data=ints)


def bias_for(real: Graph, quantized: Graph, op: Op, q_w: QuantParams) -> Tensor:
    """The float bias of `op` as int32 for weights with the parameters `q_w`."""
    old, view = quantized.tensor(op.ins[2]), mac_view(real, op)
    q = bias_params(quantized.tensor(op.ins[0]).params, q_w)
    return replace(old, data=quantize_bias(view.bias, q), q=q)
