"""New activation parameters, weights and biases put into an integer graph, with what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgeq.ir import FloatArray, Graph, QuantParams, Tensor, same_params
from edgeq.layers import is_mac
from edgeq.ops.base import Fixed, SameAsInput
from edgeq.ops.requantize import Requantize
from edgeq.quant.weights import bias_params, quantize_bias


def roots(graph: Graph) -> dict[str, str | None]:
    """For each activation of an integer graph the one whose parameters it shares.

    None where parameters cannot move: fixed ones, those of inputs, and what is joined to these.
    Operators that unify keep one set of parameters for what has one now.
    """
    root: dict[str, str | None] = dict.fromkeys(graph.ins)
    joined: dict[str, str] = {}
    for op in graph.ops:
        rule = op.rule()
        for name in op.outs:
            if isinstance(rule, Fixed) or isinstance(op, Requantize):
                root[name] = None
            else:
                root[name] = root[op.ins[rule.index]] if isinstance(rule, SameAsInput) else name
        if op.unifies:
            for name in op.ins:
                if not graph.tensor(name).is_const and same_params(
                        graph.tensor(name).params, graph.tensor(op.outs[0]).params):
                    joined[name] = op.outs[0]
    for name, out in reversed(joined.items()):
        old, new = root[name], root[out]
        root = {n: new if r == old and old is not None else r for n, r in root.items()}
    for op in graph.ops:  # what a conversion reads keeps its parameters: the conversion depends on
        if isinstance(op, Requantize):  # them
            fixed = root[op.ins[0]]
            root = {n: None if r == fixed else r for n, r in root.items()}
    return root


def refit(real: Graph, ints: Graph, steps: Mapping[str, QuantParams],
          weights: Mapping[str, Tensor], biases: Mapping[str, FloatArray]) -> Graph:
    """`ints` with parameters `steps` by root, `weights` by name, and real `biases` by name.

    Every other bias keeps its real value under the scales of its layer; constants whose parameters
    follow those of activations are rounded anew from the float graph `real`.
    """
    root = roots(ints)
    changed: dict[str, Tensor] = dict(weights)
    params: dict[str, QuantParams] = {}
    for tensor in ints.activations():
        key = root[tensor.name]
        q = tensor.params if key is None else steps.get(key, tensor.params)
        params[tensor.name] = q
        if q is not tensor.params:
            changed[tensor.name] = replace(tensor, q=q)
    for op in ints.ops:
        if is_mac(op):
            old = ints.tensor(op.ins[2])
            weight = weights.get(op.ins[1], ints.tensor(op.ins[1]))
            q = bias_params(params[op.ins[0]], weight.params)
            if op.ins[2] in biases or not same_params(q, old.params):
                value = biases.get(op.ins[2])
                if value is None:
                    value = old.params.scale * np.asarray(old.data, np.float64)
                changed[old.name] = replace(old, data=quantize_bias(value, q), q=q)
            continue
        if any(n in changed for n in (*op.ins, *op.outs)):
            for name, q in op.const_params(real, params).items():
                values = np.asarray(real.const(name), np.float64)
                changed[name] = Tensor(name, values.shape, q.quantize(values), q)
    return ints.with_tensors(*changed.values())
