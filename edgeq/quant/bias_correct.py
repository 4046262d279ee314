"""Bias correction: the mean error of quantized weights and inputs goes into the int32 bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import erf, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, act_of, is_mac, mac_view, without_act
from edgeq.ops.base import Act, Op
from edgeq.ops.mac import apply_act
from edgeq.quant.simulate import constants
from edgeq.quant.walk import Visited, walk
from edgeq.quant.weight_steps import bias_for
from edgeq.quant.weights import quantize_bias

Vector = NDArray[np.float64]
# rounder(layer of the float graph, its quantized inputs, its float inputs, its weights) -> weights
Rounder = Callable[[MacView, FloatArray, FloatArray, Tensor], Tensor]
Moments = tuple[Vector, Vector]  # mean and variance per channel


def correct_empirical(real: Graph, quantized: Graph, samples: Sequence[FloatArray],
                      on_layer: Callable[[int], None] = lambda i: None,
                      rounder: Rounder | None = None, correct: bool = True) -> Graph:
    """`quantized` with biases that make every layer's mean before its activation the float one.

    Layer by layer on all `samples`, each layer behind the corrected ones before it
    (Nagel et al. 2019, section 4.2 and appendix D). `real` is the float graph of `quantized`.
    A `rounder` rounds the weights of each layer anew before; without `correct` that is all that
    happens.
    """
    def visit(op: Op, ints: Graph, f_in: list[FloatArray], q_in: list[FloatArray]) -> Visited:
        if not is_mac(op):
            return Visited()
        changed: tuple[Tensor, ...] = ()
        if rounder is not None:
            old = ints.tensor(op.ins[1])
            weight = rounder(mac_view(real, op), q_in[0], f_in[0], old)
            same = weight.params is old.params
            changed = (weight,) if same else (weight, bias_for(real, ints, op, weight.params))
        for tensor in changed:
            at = op.ins.index(tensor.name)
            q_in[at] = tensor.params.dequantize(tensor.data)  # type: ignore[arg-type]
        if not correct:
            return Visited(changed)
        f_out, q_out, bias = _corrected(op, ints.with_tensors(*changed), f_in, q_in)
        return Visited((*changed, bias), (f_out, q_out))

    return walk(real, quantized, samples, visit, on_layer)


def _corrected(op: Op, quantized: Graph, f_in: list[FloatArray],
               q_in: list[FloatArray]) -> tuple[FloatArray, FloatArray, Tensor]:
    """(float output, quantized output before rounding, new bias) of one layer."""
    view = mac_view(quantized, op)
    bare = without_act(view.op)
    (f_pre,), (q_pre,) = bare.run(*f_in), bare.run(*q_in)
    error = channel_mean(f_pre) - channel_mean(q_pre)
    bias = shifted_bias(quantized, op, error)
    real_shift = bias.params.dequantize(bias.data) - q_in[2]  # type: ignore[arg-type]
    q_pre += real_shift
    act = act_of(op)
    return apply_act(f_pre, act), apply_act(q_pre, act), bias


def channel_mean(x: FloatArray) -> Vector:
    """The mean of each channel (last axis) over everything else: (c,)."""
    rows = x.reshape(-1, x.shape[-1])
    return (np.ones(len(rows), np.float32) @ rows).astype(np.float64) / len(rows)


def shifted_bias(quantized: Graph, op: Op, shift: Vector) -> Tensor:
    """The int32 bias of `op` with the real vector `shift` (out_c,) added."""
    old = quantized.tensor(op.ins[2])
    q = old.params
    bias = np.asarray(quantized.const(op.ins[2]), np.float64) * q.scale
    return Tensor(old.name, old.shape, quantize_bias(bias + shift, q), q)


def correct_analytic(real: Graph, quantized: Graph, samples: Sequence[FloatArray]) -> Graph:
    """`quantized` with biases less (Wq - W) E[x], E[x] from normals clipped by the activations.

    No activation is measured: means and variances start from the inputs and go through the
    layers as if values were independent and normal (Nagel et al. 2019, section 4.2.1).
    """
    const = constants(quantized)
    moments = {n: _input_moments(x) for n, x in zip(real.ins, samples, strict=True)}
    changed: list[Tensor] = []
    for op in real.ops:
        if is_mac(op):
            mean, _ = moments[op.ins[0]]
            error = propagate(real, op, mean, const[op.ins[1]] - _const(real, op.ins[1]))
            changed.append(shifted_bias(quantized, op, -error))
        for name in op.outs:
            moments[name] = _through(real, op, moments)
    return quantized.with_tensors(*changed)


def _const(g: Graph, name: str) -> FloatArray:
    return np.asarray(g.const(name), np.float32)


def _input_moments(x: FloatArray) -> Moments:
    rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
    return rows.mean(0), rows.var(0)


def propagate(g: Graph, op: Op, mean: Vector, weight: FloatArray) -> Vector:
    """sum(weight * E[x]) per output channel, for `weight` shaped as the layer's: (out_c,)."""
    view = mac_view(g, op)
    w = np.asarray(weight, np.float64)
    if view.depthwise:
        out_c = w.shape[-1]
        return np.asarray(w.reshape(-1, out_c).sum(0) * np.repeat(mean, out_c // mean.size))
    per_channel = w.reshape(w.shape[0], -1, w.shape[-1]).sum(1)  # (out_c, in_c)
    return np.asarray(per_channel @ np.resize(mean, w.shape[-1]))


def _through(g: Graph, op: Op, moments: Mapping[str, Moments]) -> Moments:
    """Mean and variance per channel of the output of `op`."""
    known = [moments[n] for n in op.ins if n in moments]
    if is_mac(op):
        mean, var = known[0]
        w, b = _const(g, op.ins[1]), _const(g, op.ins[2])
        out_mean = propagate(g, op, mean, w) + b
        out_var = propagate(g, op, var, w**2)
    elif len(known) > 1 and all(m.shape == known[0][0].shape for m, _ in known):
        out_mean = np.sum([m for m, _ in known], 0)
        out_var = np.sum([v for _, v in known], 0)
    else:
        out_mean, out_var = known[0]
    low, high = act_of(op).bounds
    if act_of(op) is Act.NONE:
        return out_mean, out_var
    both = [clipped_normal(float(m), sqrt(max(float(v), 0.0)), low, high)
            for m, v in zip(out_mean, out_var, strict=True)]
    return np.array([m for m, _ in both]), np.array([v for _, v in both])


def clipped_normal(mean: float, std: float, low: float, high: float) -> tuple[float, float]:
    """Mean and variance of clip(N(mean, std), low, high).

    Source: Nagel et al. 2019, appendix C. A std of 0 gives the clipped mean and 0.
    """
    if std < 1e-12:
        return min(max(mean, low), high), 0.0
    a, b = (low - mean) / std, (high - mean) / std
    phi_a, phi_b = _density(a), _density(b)
    below, above = _share(a), 1.0 - _share(b)
    inside = max(1.0 - below - above, 0.0)
    first = mean * inside + std * (phi_a - phi_b)
    a_phi, b_phi = (a * phi_a if phi_a else 0.0), (b * phi_b if phi_b else 0.0)
    second = ((mean**2 + std**2) * inside + 2 * mean * std * (phi_a - phi_b)
              + std**2 * (a_phi - b_phi))
    for end, share in ((low, below), (high, above)):
        if share > 0:
            first += end * share
            second += end**2 * share
    return first, max(second - first**2, 0.0)


def _density(t: float) -> float:
    return exp(-t * t / 2) / sqrt(2 * pi) if abs(t) < 40 else 0.0


def _share(t: float) -> float:
    return 0.5 * (1 + erf(t / sqrt(2)))
