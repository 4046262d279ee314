"""Clipping of the inputs: a finer step for the many values at the cost of the few largest.

The square error of an input says little about its harm: in spectral features one coefficient is
often ten times the others, and the network hardly looks at its size. So the clip is chosen by
what the rounded inputs do to the outputs of the float network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.quant.observe import batches
from edgeq.quant.params import act_params, fake_quantize
from edgeq.quant.simulate import compare, measured

Ranges = Mapping[str, tuple[float, float]]

_FACTORS = (0.5, 0.25, 0.125)  # of the larger end
_GAIN_DB = 1.0  # less is not worth values outside the range


def input_clip(graph: Graph, names: Sequence[str], chosen: Ranges, samples: Sequence[FloatArray],
               wanted: Sequence[FloatArray]) -> float:
    """The factor of `clipped` that keeps the float outputs nearest to `wanted`; 1 for no clip.

    `samples` are judged with their inputs rounded under the `chosen` ranges, all else in float.
    """
    if not names:
        return 1.0
    best, best_db = 1.0, _sqnr(graph, chosen, samples, wanted)
    for factor in _FACTORS:
        sqnr_db = _sqnr(graph, clipped(names, chosen, factor), samples, wanted)
        if sqnr_db < best_db + _GAIN_DB:
            break
        best, best_db = factor, sqnr_db
    return best


def clipped(names: Sequence[str], chosen: Ranges,
            factor: float) -> dict[str, tuple[float, float]]:
    """The ranges, those of `names` limited to `factor` times their larger end, both ways."""
    limited = dict(chosen)
    for name in names:
        low, high = chosen[name]
        top = factor * max(-low, high)
        limited[name] = (max(low, -top), min(high, top))
    return limited


def _sqnr(graph: Graph, chosen: Ranges, samples: Sequence[FloatArray],
          wanted: Sequence[FloatArray]) -> float:
    names = measured(graph)
    params = {n: act_params(*chosen[n]) for n in graph.ins}
    runs = [run_float(graph, {n: fake_quantize(x, params[n]) for n, x in inputs.items()},
                      keep=names) for inputs in batches(graph, samples)]
    return compare(wanted, [np.concatenate([r[n] for r in runs]) for n in names]).sqnr_db
