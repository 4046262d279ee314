"""AdaRound of all layers side by side: none waits for another, so many workers have work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, is_mac, mac_view
from edgeq.ops.base import Op
from edgeq.quant.adaround import AdaRound, Problem, all_learned, parts_of, problem_of
from edgeq.quant.bias_correct import correct_empirical
from edgeq.quant.coarse import is_coarse
from edgeq.quant.compensate import as_weights
from edgeq.quant.walk import Visited, walk


def adaround_at_once(real: Graph, quantized: Graph, samples: Sequence[FloatArray],
                     settings: AdaRound, rng: np.random.Generator,
                     layers: Collection[str]) -> Graph:
    """`quantized` with learned roundings of `layers`, all learned side by side.

    Each layer's inputs are those that `quantized` gives as it is, so no layer waits for another:
    the parts of all of them run under joblib at once. Biases are corrected at the end.
    """
    jobs: list[tuple[MacView, Tensor, int, list[Problem]]] = []

    def visit(op: Op, ints: Graph, f_in: list[FloatArray], q_in: list[FloatArray]) -> Visited:
        if is_mac(op) and op.name in layers and not is_coarse(ints.tensor(op.ins[1]).params):
            view, weight = mac_view(real, op), ints.tensor(op.ins[1])
            problem = problem_of(view, weight, q_in[0], f_in[0], settings.rows)
            if problem is not None:
                axis = 1 if len(problem.start) == 1 else 0
                jobs.append((view, weight, axis, list(parts_of(problem, settings.part))))
        return Visited()

    walk(real, quantized, samples, visit)
    found = iter(all_learned([p for job in jobs for p in job[3]], settings, rng))
    changed = []
    for view, weight, axis, own in jobs:
        whole = np.concatenate([next(found) for _ in own], axis)
        changed.append(replace(weight, data=as_weights(view, whole)))
    return correct_empirical(real, quantized.with_tensors(*changed), samples)
