"""The range of every activation whose parameters are free, by the recipe's method."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from edgeq.ir import Graph
from edgeq.layers import act_of
from edgeq.ops.base import Free, SameAsInput
from edgeq.quant import ranges
from edgeq.quant.observe import Stats
from edgeq.quant.ranges import Histogram
from edgeq.quant.simulate import measured
from edgeq.quant.widths import wide_tensors
from edgeq.recipe import ActRange, Recipe


def choose_ranges(graph: Graph, stats: Stats, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """(low, high) by name, for the inputs and every output with the rule Free.

    Four kinds of values keep all they showed, whatever the method: those inside operators (see
    Op.observed), those behind a bounded activation, which has cut the outliers already, the
    scores that decide the result, where the largest value matters most, and those of 16 bits,
    whose steps are fine enough.
    """
    names = [*graph.ins, *(n for op in graph.ops if isinstance(op.rule(), Free) for n in op.outs)]
    inner = {n: ranges.minmax(h) for n, h in stats.hists.items() if n not in graph.tensors}
    whole = {n for op in graph.ops if isfinite(act_of(op).bounds[1]) for n in op.outs}
    whole |= set(measured(graph)) | wide_tensors(graph, recipe)
    own = {n: one_range(stats.hists[n], ActRange.MINMAX if n in whole else recipe.act_range,
                        recipe.percentile) for n in names}
    return inner | tied(graph, unified(graph, own))


def tied(graph: Graph, chosen: Mapping[str, tuple[float, float]]
         ) -> dict[str, tuple[float, float]]:
    """`chosen` with one range for the two ends of every state, which are the same value."""
    ranges_of = dict(chosen)
    for state in graph.states:
        ends = [ranges_of[n] for n in (state.source, state.result) if n in ranges_of]
        joint = (min(low for low, _ in ends), max(high for _, high in ends))
        ranges_of |= dict.fromkeys({state.source, state.result} & ranges_of.keys(), joint)
    return ranges_of


def unified(graph: Graph, chosen: Mapping[str, tuple[float, float]]
            ) -> dict[str, tuple[float, float]]:
    """`chosen` with the range of every operator that `unifies` for those inputs that only it reads.

    Such an operator (concatenation, maximum) brings its inputs to the output's parameters; what
    is made with these at once is rounded once instead of twice, and copied without a table.
    """
    ranges_of = dict(chosen)
    for op in reversed(graph.ops):  # the last first, so that chains get one range
        if op.unifies:
            for name in op.ins:
                root = _root(graph, name)
                if root in ranges_of and op.outs[0] in ranges_of:
                    ranges_of[root] = ranges_of[op.outs[0]]
    return ranges_of


def _root(graph: Graph, name: str) -> str | None:
    """The Free output that gives `name` its parameters; None where others read it too."""
    while len(graph.consumers(name)) == 1 and name not in graph.outs:
        producer = graph.producer(name)
        if producer is None:
            return None
        rule = producer.rule()
        if not isinstance(rule, SameAsInput):
            return name
        name = producer.ins[rule.index]
    return None


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
