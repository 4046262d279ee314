"""Activations of 8 and 16 bits in one graph: which operator computes in which, and conversions."""

from __future__ import annotations

from dataclasses import replace

from edgeq.errors import UsageError
from edgeq.ir import Graph, Tensor
from edgeq.layers import is_mac, mac_view
from edgeq.ops.base import Op
from edgeq.ops.requantize import Requantize
from edgeq.quant.dynamic import as_dynamic, has_dynamic
from edgeq.quant.observe import Stats
from edgeq.recipe import Layer, Recipe


def check_layers(graph: Graph, recipe: Recipe) -> None:
    """Raise UsageError where `recipe` names a layer that is not there, or cannot do as it says."""
    for layer in recipe.layers:
        where = f"recipe {recipe.name!r}, layer {layer.name!r}"
        found = [op for op in graph.ops if layer.matches(op.name)]
        if not found and not any(layer.matches(n) for n in graph.ins):
            raise UsageError(where, "no such layer in this network", ", ".join(
                [op.name for op in graph.ops if not op.is_view] + list(graph.ins)),
                "`edgeq inspect MODEL` lists them")
        if not layer.is_pattern:
            _check_one(where, graph, found[0] if found else None, layer)


def _check_one(where: str, graph: Graph, op: Op | None, layer: Layer) -> None:
    """A layer that is named, not matched, must be able to do all that is asked of it."""
    wide = op is None or op.takes_wide(graph) or (bool(layer.dynamic) and has_dynamic(op))
    if layer.act_bits == 16 and not wide:
        raise UsageError(where, f"act_bits = 16 for {type(op).__name__}", "8",
                         "this operator has no 16-bit kernel")
    if layer.dynamic and (op is None or not has_dynamic(op)):
        raise UsageError(where, "dynamic, but no matrix that it multiplies", "false",
                         "name a dense layer, a matrix product, an LSTM or a GRU")
    weights = sorted(layer.settings.keys() - {"act_bits", "dynamic"})
    if weights and (op is None or not is_mac(op)):
        raise UsageError(where, f"{weights[0]}, but no weights", "act_bits",
                         "name a convolution or dense layer")
    few = layer.weight_bits is not None and layer.weight_bits < 8
    if op is not None and few and mac_view(graph, op).depthwise:
        raise UsageError(where, f"weight_bits = {layer.weight_bits} for a depthwise layer", "8",
                         "depthwise layers have no such kernel, and few weights")


def op_bits(graph: Graph, op: Op, recipe: Recipe) -> int:
    """Bits of the activations that `op` computes with; operators without a 16-bit kernel: 8."""
    if isinstance(op, Requantize):
        return op.bits
    return recipe.of(op.name).act_bits if as_dynamic(op, recipe).takes_wide(graph) else 8


def with_widths(graph: Graph, recipe: Recipe) -> Graph:
    """The float `graph` with a Requantize wherever an operator reads another width than is there.

    A network input has the width that the recipe gives its name; a view that of what it shows.
    """
    own = {op.ins[i] for op in graph.ops for i, _ in op.carried()}  # the layers set their widths
    bits = {n: recipe.of(n).act_bits for n in graph.ins if n not in own}
    tensors, ops = dict(graph.tensors), list[Op]()
    for op in graph.ops:
        want = bits[op.ins[0]] if op.is_view else op_bits(graph, op, recipe)
        ins = []
        for name in op.ins:
            source = name
            if bits.get(name, want) != want:
                name = f"{_maker(graph, source)}@s{want}"
                if name not in tensors:
                    ops.append(Requantize(name=name, ins=(source,), outs=(name,), bits=want))
                    tensors[name] = Tensor(name, graph.tensor(source).shape)
            ins.append(name)
        ops.append(replace(op, ins=tuple(ins)))
        bits |= dict.fromkeys(op.outs, want)
    return graph if len(ops) == len(graph.ops) else graph.replace(tensors=tensors, ops=tuple(ops))


def _maker(graph: Graph, name: str) -> str:
    """The operator that writes `name` and nothing else; else `name` itself."""
    op = graph.producer(name)
    return name if op is None or len(op.outs) > 1 else op.name


def wide_tensors(graph: Graph, recipe: Recipe) -> set[str]:
    """The activations of 16 bits whose parameters are chosen from their range."""
    wide = {n for n in graph.ins if recipe.of(n).act_bits == 16}
    return wide | {n for op in graph.ops if op_bits(graph, op, recipe) == 16 for n in op.outs}


def carried(graph: Graph, stats: Stats) -> Stats:
    """`stats` of the graph before `with_widths`, and the same values for its conversions."""
    same = {op.outs[0]: op.ins[0] for op in graph.ops if isinstance(op, Requantize)}
    return Stats({**stats.hists, **{n: stats.hists[source] for n, source in same.items()}},
                 {**stats.channels, **{n: stats.channels[source] for n, source in same.items()}})
