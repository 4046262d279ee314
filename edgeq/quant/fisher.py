"""How much an error of each activation matters to the scores: the diagonal of Fisher's matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeq.ir import FloatArray, Graph
from edgeq.quant.gradients import differentiable, pull_back
from edgeq.quant.segments import Segment, judged_ops
from edgeq.quant.simulate import measured
from edgeq.run_op import run_real, takes_samples

_BATCH = 8  # samples whose activations are held at once
_FLOOR = 0.1  # of the mean weight, added to each: what the samples do not show matters, too


def sensitivities(real: Graph, samples: Mapping[str, FloatArray], parts: Sequence[Segment],
                  rng: np.random.Generator) -> dict[str, FloatArray]:
    """Weights (n, ...) of the square errors of the segments' outputs, by name, of mean 1.

    The square of d(r' scores) / d activation with random signs r: its expectation is the diagonal
    of J' J, the Gauss-Newton matrix of the square error of the scores (Li et al. 2021, equation
    10, with the error of the scores as the loss). Tensors behind which an operator has no gradient
    get no weights.
    """
    names = {n for part in parts for n in part.outs} - set(measured(real))
    n, found = len(next(iter(samples.values()))), dict[str, list[FloatArray]]()
    for at in range(0, n, _BATCH):
        batch = {name: x[at:at + _BATCH] for name, x in samples.items()}
        for name, (_, grad) in score_gradients(real, batch, names, rng).items():
            found.setdefault(name, []).append(np.square(grad))
    weights = {name: np.concatenate(parts_) for name, parts_ in found.items()}
    return {name: np.asarray(w / max(float(w.mean()), 1e-30) * (1 - _FLOOR) + _FLOOR, np.float32)
            for name, w in weights.items()}


def score_gradients(real: Graph, batch: Mapping[str, FloatArray], names: set[str],
                    rng: np.random.Generator) -> dict[str, tuple[FloatArray, FloatArray]]:
    """(value, d(random signs times scores) / d value) of the activations `names`, where known."""
    ops, values = judged_ops(real), dict(batch)
    for op in ops:
        xs = [_value(real, values, n) for n in op.ins]
        values |= dict(zip(op.outs, run_real(real, op, xs), strict=True))
    flowing = {n: rng.choice(np.array([-1, 1], np.float32), values[n].shape)
               for n in measured(real)}
    kept = {}
    for op in reversed(ops):
        grad = flowing.pop(op.outs[0], None)
        if grad is None:
            continue
        if op.outs[0] in names:
            kept[op.outs[0]] = (values[op.outs[0]], grad)
        if not (differentiable(op) and takes_samples(real, op)):
            break
        xs = [_value(real, values, n) for n in op.ins]
        for name, g in zip(op.ins, pull_back(op, xs, values[op.outs[0]], grad), strict=False):
            if not real.tensor(name).is_const:
                flowing[name] = flowing[name] + g if name in flowing else g
    return kept


def _value(real: Graph, values: Mapping[str, FloatArray], name: str) -> FloatArray:
    data = real.tensor(name).data
    return values[name] if data is None else data  # type: ignore[return-value]
