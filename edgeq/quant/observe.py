"""One float pass over the samples: a histogram and per-channel extremes of every activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.errors import DataError
from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.layers import Channels
from edgeq.ops.base import Op
from edgeq.quant import ranges

BATCH_VALUES = 1 << 23  # activation values that one batch may make, over all layers


@dataclass(frozen=True, eq=False)
class Stats:
    """What the samples showed, by name of the activation or of a value inside an operator."""

    hists: Mapping[str, ranges.Histogram]
    channels: Mapping[str, Channels]


def batches(graph: Graph, samples: Sequence[FloatArray]) -> Iterator[dict[str, FloatArray]]:
    """The samples as inputs of runs that fit in memory, in order."""
    each = sum(t.size for t in graph.activations())
    step = max(1, BATCH_VALUES // max(each, 1))
    for start in range(0, len(samples[0]), step):
        yield {name: x[start:start + step] for name, x in zip(graph.ins, samples, strict=True)}


def observe(graph: Graph, samples: Sequence[FloatArray],
            on_batch: Callable[[int], None] = lambda n: None) -> Stats:
    """Statistics of every activation of the float `graph`; `on_batch` hears of finished samples.

    Raises DataError where a value is not finite.
    """
    hists: dict[str, ranges.Histogram] = {}
    channels: dict[str, Channels] = {}

    def see(name: str, x: FloatArray) -> None:
        rows = x.reshape(-1, x.shape[-1] if x.ndim > 1 else 1)
        now = _channels(rows)
        if not (np.isfinite(now.low).all() and np.isfinite(now.high).all()):
            raise DataError(f"tensor {name!r}", "values that are not finite (NaN or infinite)",
                            "finite numbers", "check the samples and their preprocessing")
        channels[name] = _merged(channels[name], now) if name in channels else now
        hists[name] = ranges.add(hists.get(name, ranges.empty()), x)

    def look_inside(op: Op, xs: list[FloatArray]) -> None:
        for name, value in op.observed(*xs).items():
            see(name, value)

    for inputs in batches(graph, samples):
        run_float(graph, inputs, keep=(), on_tensor=see, on_op=look_inside)
        on_batch(len(inputs[graph.ins[0]]))
    return Stats(hists, channels)


def _channels(rows: FloatArray) -> Channels:
    ones = np.ones(len(rows), np.float32)
    mean, power = ones @ rows / len(rows), np.einsum("rc,rc->c", rows, rows) / len(rows)
    return Channels(rows.min(0).astype(np.float64), rows.max(0).astype(np.float64),
                    mean.astype(np.float64), power.astype(np.float64), len(rows))


def _merged(a: Channels, b: Channels) -> Channels:
    n = a.count + b.count
    return Channels(np.minimum(a.low, b.low), np.maximum(a.high, b.high),
                    (a.mean * a.count + b.mean * b.count) / n,
                    (a.power * a.count + b.power * b.count) / n, n)
