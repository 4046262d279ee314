"""The range of every activation whose parameters are free, by the recipe's method."""

from __future__ import annotations

from edgeq.ir import Graph
from edgeq.ops.base import Free
from edgeq.quant import ranges
from edgeq.quant.observe import Stats
from edgeq.quant.ranges import Histogram
from edgeq.recipe import ActRange, Recipe


def choose_ranges(graph: Graph, stats: Stats, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """(low, high) by name, for the inputs and every output with the rule Free.

    Values inside operators (see Op.observed) get the extremes.
    """
    names = [*graph.ins, *(n for op in graph.ops if isinstance(op.rule(), Free) for n in op.outs)]
    inner = {n: ranges.minmax(h) for n, h in stats.hists.items() if n not in graph.tensors}
    return inner | {n: one_range(stats.hists[n], recipe.act_range, recipe.percentile)
                    for n in names}


def one_range(h: Histogram, method: ActRange, percent: float) -> tuple[float, float]:
    """(low, high) of one activation."""
    if method is ActRange.MINMAX:
        return ranges.minmax(h)
    if method is ActRange.MOVING:
        return ranges.moving(h)
    if method is ActRange.PERCENTILE:
        return ranges.percentile(h, percent)
    if method is ActRange.ENTROPY:
        return ranges.least_entropy(h)
    return ranges.least_square(h)
