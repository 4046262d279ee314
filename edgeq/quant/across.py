"""Rounding that looks at all channels of a layer: their errors cancel in what reads them.

The scores' square error is taken as tr(E' G E A), E the errors of the weights (out, k), A the
second moments of the inputs, G those of the gradients of the scores by the layer's outputs: G
tells in which directions errors matter. Compensated rounding has G = I.
Sources: Martens and Grosse 2015 (Kronecker-factored curvature); Frantar et al. 2023, equations 2
and 3, once for the inputs and once for the outputs; Tseng et al. 2025 (YAQA).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, act_of, is_mac, mac_view
from edgeq.quant.coarse import is_coarse
from edgeq.quant.compensate import Matrix, as_weights, rounding_problem
from edgeq.quant.fisher import score_gradients
from edgeq.quant.gradients import through_act
from edgeq.quant.simulate import measured

MOST_WEIGHTS = 1 << 20  # larger layers are not looked at: rounding goes weight by weight
_RUNS = 256  # samples times random signs that gradients are taken of
_BATCH = 8  # samples whose activations are held at once
_DAMP = 0.01  # of the mean variance, added to every variance
_SWEEPS = 1  # of coordinate descent at the end


def output_moments(real: Graph, samples: Sequence[FloatArray],
                   rng: np.random.Generator) -> dict[str, Matrix]:
    """Second moments (out_c, out_c) of d(r' scores) / d(layer's sums), by layer name, of mean 1.

    r are random signs, so that the expectation is the Gauss-Newton matrix of the scores' square
    error. Left out: depthwise layers, whose channels meet different inputs, and those behind which
    an operator has no gradient. A layer that makes the scores has the identity.
    """
    layers = {op.outs[0]: op for op in real.ops if is_mac(op) and not mac_view(real, op).depthwise}
    ends, n = set(measured(real)), len(samples[0])
    parts: dict[str, list[Matrix]] = {}
    for _ in range(max(1, _RUNS // n)):
        for at in range(0, n, _BATCH):
            batch = {name: x[at:at + _BATCH] for name, x in zip(real.ins, samples, strict=True)}
            for name, (y, grad) in score_gradients(real, batch, set(layers), rng).items():
                seen = through_act(act_of(layers[name]), y, grad)
                parts.setdefault(name, []).extend(
                    _moments(g.reshape(-1, g.shape[-1])) for g in seen)
    found = {name: shrunk(p) for name, p in parts.items()}
    return {op.name: np.eye(mac_view(real, op).bias.size) if name in ends else found[name]
            for name, op in layers.items() if name in ends or name in found}


def _moments(rows: FloatArray) -> Matrix:
    return np.asarray(rows.T @ rows, np.float64)


def shrunk(parts: Sequence[Matrix]) -> Matrix:
    """The mean of `parts`, drawn to a multiple of the identity as far as they differ; its diagonal
    has the mean 1.

    With few samples, the small directions of their moments are chance. Source: Ledoit and Wolf
    2004, lemma 3.2 to 3.4, with the moments of a sample in place of x x'.
    """
    mean = np.mean(parts, 0)
    unit = np.trace(mean) / len(mean)
    if unit <= 0:
        return np.eye(len(mean))
    target = unit * np.eye(len(mean))
    spread = sum(float(np.square(p - mean).sum()) for p in parts) / len(parts) ** 2
    share = min(1.0, spread / max(float(np.square(mean - target).sum()), 1e-30))
    return np.asarray(((1 - share) * mean + share * target) / unit)


def rounded_across(view: MacView, x: FloatArray, wanted: FloatArray, weight: Tensor,
                   outputs: Mapping[str, Matrix]) -> Tensor:
    """`weight` with integers that keep the errors of all channels together small.

    `x` are the layer's quantized inputs, `wanted` the float ones, `outputs` those of
    `output_moments`. Scales stay; layers that are not in `outputs`, or too large, stay.
    """
    if view.op.name not in outputs or view.weight.size > MOST_WEIGHTS:
        return weight
    problem = None if is_coarse(weight.params) else rounding_problem(view, x, wanted)
    if problem is None or len(problem[0]) > 1:
        return weight
    (rows,), (inputs,) = problem
    q = weight.params
    scale = np.broadcast_to(q.scale, (len(rows),))
    by_output = outputs[view.op.name] * scale[:, None] * scale  # errors are in steps
    ints = round_across(rows / scale[:, None], inputs, by_output, float(q.qmax))
    return replace(weight, data=as_weights(view, ints[None]))


def round_across(weights: Matrix, inputs: Matrix, outputs: Matrix, top: float) -> Matrix:
    """Integers in [-top, top] for `weights` (out, k) in steps with a small tr(E' outputs E inputs).

    Channel by channel and weight by weight: each error moves into the weights of its channel
    still to come, that of a channel into the channels still to come; then coordinate descent.
    """
    inputs, outputs = _damped(inputs), _damped(outputs)
    by_k = np.argsort(-np.diag(inputs), kind="stable")
    by_o = np.argsort(-np.diag(outputs), kind="stable")
    along, down = (_spread(m[order][:, order]) for m, order in ((inputs, by_k), (outputs, by_o)))
    left = weights[by_o][:, by_k]
    ints = np.empty_like(left)
    for i in range(len(left)):
        ints[i] = _row(left[i], along, top)
        left[i + 1:] -= down[i, i + 1:, None] * (left[i] - ints[i])
    result = np.empty_like(ints)
    result[np.ix_(by_o, by_k)] = ints
    return _descended(result, weights, inputs, outputs, top)


def _damped(moments: Matrix) -> Matrix:
    damp = _DAMP * float(np.trace(moments)) / len(moments) + 1e-12
    return np.asarray(moments + damp * np.eye(len(moments)))


def _spread(moments: Matrix) -> Matrix:
    """Row j says what an error of 1 at j takes from j + 1, ...; the diagonal is 1."""
    upper = np.linalg.cholesky(np.linalg.inv(moments)).T
    return np.asarray(upper / np.diag(upper)[:, None])


def _row(want: Matrix, along: Matrix, top: float) -> Matrix:
    left, ints = want.copy(), np.empty_like(want)
    for j in range(len(left)):
        ints[j] = min(max(round(float(left[j])), -top), top)
        left[j + 1:] -= (left[j] - ints[j]) * along[j, j + 1:]
    return ints


def _descended(ints: Matrix, weights: Matrix, inputs: Matrix, outputs: Matrix,
               top: float) -> Matrix:
    """`ints` after coordinate descent on tr(E' outputs E inputs), which never grows."""
    ints, error = ints.copy(), ints - weights
    own = np.diag(outputs)
    for _ in range(_SWEEPS):
        for j in np.argsort(-np.diag(inputs), kind="stable"):
            pull = outputs @ (error @ inputs[:, j]) / inputs[j, j]
            for i in range(len(ints)):
                now = float(ints[i, j])
                move = min(max(round(now - float(pull[i]) / float(own[i])), -top), top) - now
                if move:
                    ints[i, j] += move
                    error[i, j] += move
                    pull += move * outputs[:, i]
    return ints
