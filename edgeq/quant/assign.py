"""The integer graph: activations get parameters by their operator's rule, constants integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.layers import is_mac, mac_view
from edgeq.ops.base import Fixed, Integers, Op, SameAsInput, whole_numbers
from edgeq.ops.requantize import Requantize
from edgeq.quant.coarse import exact_bits
from edgeq.quant.dynamic import with_dynamic
from edgeq.quant.params import act_params, per_tensor
from edgeq.quant.weights import bias_params, quantize_bias, quantize_weight, weight_params
from edgeq.quant.widths import op_bits
from edgeq.recipe import Recipe

Ranges = Mapping[str, tuple[float, float]]


def assign(graph: Graph, chosen: Ranges, recipe: Recipe) -> Graph:
    """The integer graph of the float `graph` under the activation ranges `chosen`.

    Constants become integers: weights symmetric int8, biases int32 with scale in * weight, other
    float constants int8 by their extremes. Index constants stay.
    """
    graph = with_dynamic(graph, recipe)
    whole = whole_numbers(graph)
    params = {n: per_tensor(1.0, 0, whole[n]) if n in whole
              else act_params(*chosen[n], recipe.of(n).act_bits) for n in graph.ins}
    changed: dict[str, Tensor] = {}
    for op in graph.ops:
        bits = op_bits(graph, op, recipe)
        _constants(graph, op, bits, params, changed)
        for name in op.outs:
            params[name] = _output(graph, op, name, params, chosen, bits)
        if is_mac(op):
            _weights(graph, op, params, recipe, changed)
        for name, q in op.const_params(graph, params).items():
            values = np.asarray(graph.const(name), np.float64)
            changed[name] = Tensor(name, values.shape, q.quantize(values), q)
    for tensor in graph.activations():
        changed[tensor.name] = Tensor(tensor.name, tensor.shape, None, params[tensor.name])
    ops = tuple(op.settled(chosen) for op in graph.ops)
    return _with_states(graph.with_tensors(*changed.values()).replace(ops=ops))


def _with_states(graph: Graph) -> Graph:
    """`graph` in which the states that layers carry have the layers' own parameters.

    So has what only shows them in another shape or order.
    """
    own: dict[str, QuantParams] = {}
    for op in graph.ops:
        for (i, o), q in zip(op.carried(), op.state_params(graph), strict=False):
            own |= {op.ins[i]: q, op.outs[o]: q}
        rule = op.rule()
        if isinstance(rule, SameAsInput) and op.ins[rule.index] in own:
            own |= dict.fromkeys(op.outs, own[op.ins[rule.index]])
    changed = [replace(graph.tensor(name), q=q) for name, q in own.items()]
    return graph.with_tensors(*changed) if changed else graph


def _output(graph: Graph, op: Op, name: str, params: Mapping[str, QuantParams],
            chosen: Ranges, bits: int) -> QuantParams:
    rule = op.output_rule(op.outs.index(name))
    if isinstance(rule, Integers):
        return per_tensor(1.0, 0, rule.bits)
    if isinstance(op, Requantize) and bits == 16:
        return _widened(params[op.ins[0]])
    if isinstance(rule, Fixed) and bits == 16:
        return per_tensor(1 / 32768, 0, bits)
    if isinstance(rule, Fixed):
        return per_tensor(rule.scale, rule.zero, rule.bits)
    if isinstance(rule, SameAsInput):
        return params[op.ins[rule.index]]
    low, high = chosen[name]
    if is_mac(op) and bits == 8:  # with 16 bits the sums have 64
        low, high = _wide_enough(graph, op, params, low, high)
    return act_params(low, high, bits)


def _widened(q: QuantParams) -> QuantParams:
    """16-bit parameters that hold every value of the 8-bit `q` exactly."""
    return per_tensor(float(q.scale) / 128, 0, 16)


def _wide_enough(graph: Graph, op: Op, params: Mapping[str, QuantParams], low: float,
                 high: float) -> tuple[float, float]:
    """A range so wide that no accumulator exceeds 2**29 output steps (tensors that are ~0)."""
    layer, q_in = mac_view(graph, op), params[op.ins[0]]
    most = np.abs(layer.out_rows()).sum(1) * float(q_in.scale) * 255 + np.abs(layer.bias)
    least = float(most.max()) / 2.0**21  # 255 steps of most / 2**29
    return (low, high) if high - low >= least else (low, low + max(least, 1e-6))


def _constants(graph: Graph, op: Op, bits: int, params: dict[str, QuantParams],
               changed: dict[str, Tensor]) -> None:
    """Parameters of `bits` for the float constants of `op` that are not weights."""
    for i, name in enumerate(op.ins):
        data = graph.tensor(name).data
        own = i in op.own_consts or (is_mac(op) and i > 0)
        if data is None or name in params or data.dtype.kind != "f" or own:
            continue
        values = np.asarray(data, np.float64)
        params[name] = act_params(float(values.min()), float(values.max()), bits)
        q = params[name].quantize(values)
        changed[name] = Tensor(name, data.shape, q, params[name])


def weight_bits(graph: Graph, op: Op, recipe: Recipe) -> int:
    """Bits of the weights of the layer `op`; 1 or 2 where they hold them exactly."""
    layers = [o.name for o in graph.ops if is_mac(o)]
    end = op.name in (layers[0], layers[-1])
    named = any(x.matches(op.name) and x.weight_bits is not None for x in recipe.layers)
    exact = exact_bits(mac_view(graph, op))
    if exact is not None and not named and recipe.of(op.name).act_bits == 8:
        return exact
    if mac_view(graph, op).depthwise or (recipe.keep_ends and end and not named):
        return 8
    if not named and op.name in small_layers(graph, recipe.keep_small):
        return 8
    return min(recipe.of(op.name).weight_bits, 8)  # 16: two layers of 8, see split.py


def small_layers(graph: Graph, share: float) -> frozenset[str]:
    """The smallest convolutions and dense layers, together at most `share` of their weights."""
    views = [mac_view(graph, op) for op in graph.ops if is_mac(op)]
    sizes = sorted((v.weight.size, v.op.name) for v in views if not v.depthwise)
    room, found = share * sum(size for size, _ in sizes), set[str]()
    for size, name in sizes:
        room -= size
        if room < 0:
            break
        found.add(name)
    return frozenset(found)


def _weights(graph: Graph, op: Op, params: Mapping[str, QuantParams], recipe: Recipe,
             changed: dict[str, Tensor]) -> None:
    layer, q_in = mac_view(graph, op), params[op.ins[0]]
    _, w, b = op.ins[:3]
    bits = weight_bits(graph, op, recipe)
    own = recipe.of(op.name)
    if exact_bits(layer) == bits:
        own = replace(own, per_channel=True, group_size=0)
    q_w = weight_params(layer, q_in, params[op.outs[0]], own, bits)
    q_b = bias_params(q_in, q_w)
    changed[w] = Tensor(w, layer.weight.shape, quantize_weight(layer.weight, q_w), q_w)
    changed[b] = Tensor(b, layer.bias.shape, quantize_bias(layer.bias, q_b), q_b)
