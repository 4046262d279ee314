"""A quantized graph as a PyTorch module: values are those of the C code, gradients real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from edgeq.errors import DataError, UnsupportedError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, Tensor, same_params
from edgeq.layers import is_mac
from edgeq.ops.base import Fixed, Op, SameAsInput
from edgeq.ops.float_layers import FloatLayer
from edgeq.qat import functional
from edgeq.qat.functional import Value
from edgeq.quant import Quantized
from edgeq.quant.coarse import is_coarse
from edgeq.quant.simulate import measured
from edgeq.quant.weights import bias_params, quantize_bias, quantize_weight

_MOST = 0.7  # a learned scale stays within e**0.7, a factor of two, of where it began


class QatModel(torch.nn.Module):
    """Trainable weights, biases and scales of a quantized graph, straight-through estimator.

    Every operator runs its own `run_int`, so that `forward` gives exactly what the generated C
    computes; the backward pass takes the operator on reals and lets rounding through unchanged
    (Bengio et al. 2013; Jacob et al. 2018, section 3). With `learn_scales` the scales of weights
    and of activations are trained too: their gradient follows from the same rule (Esser et al.
    2020, equation 3). Training starts at the integers of `start`, so that an export without
    training is `start` again.

    Parameters `weight_i`, `bias_i` belong to layer i with weights in execution order; `log_scale_*`
    are natural logarithms of factors on the scales of `start`. Raises UnsupportedError for
    operators through which gradients cannot go.
    """

    def __init__(self, start: Quantized, learn_scales: bool = True) -> None:
        super().__init__()
        self.start = start
        self.learn_scales = learn_scales
        graph = start.graph
        for op in graph.ops:
            if isinstance(op, FloatLayer):
                raise UnsupportedError(op.name, "a layer in float32", "integer layers",
                                       'train without precision = "float32"')
        self._layers = [op for op in graph.ops if is_mac(op)]
        self._index = {op.ins[place]: i for i, op in enumerate(self._layers) for place in (1, 2)}
        self._free = _own_scales(graph)
        first = next((i for i, op in enumerate(graph.ops) if is_mac(op)), len(graph.ops))
        for op in graph.ops[first:]:
            functional.check(op)
        for i, op in enumerate(self._layers):
            if is_coarse(graph.tensor(op.ins[1]).params):
                raise UnsupportedError(op.name, "weights with factors, or of fewer than 4 bits",
                                       "weights of 4, 8 or 16 bits",
                                       "train without group_size, with weight_bits = 4 or more")
            weight, bias = (graph.tensor(n) for n in op.ins[1:3])
            real = weight.params.dequantize(graph.integers(weight.name))
            self.register_parameter(f"weight_{i}", torch.nn.Parameter(torch.tensor(real)))
            # float32 does not hold every int32
            wide = torch.tensor(bias.params.scale * graph.integers(bias.name))
            self.register_parameter(f"bias_{i}", torch.nn.Parameter(wide))
            steps = graph.tensor(op.ins[1]).params.scale
            self._add_scale(f"log_scale_weight_{i}", steps.shape)
        for i, _ in enumerate(self._free):
            self._add_scale(f"log_scale_act_{i}", ())

    def _add_scale(self, name: str, shape: tuple[int, ...]) -> None:
        self.register_parameter(name, torch.nn.Parameter(
            torch.zeros(shape, dtype=torch.float32), requires_grad=self.learn_scales))

    def forward(self, *inputs: Value) -> Value:
        """The scores (what enters a final softmax, else the output) for real inputs (n, ...).

        Several outputs come as a tuple, in the order of the graph.
        """
        graph = self.integers()
        if len(inputs) != len(graph.ins):
            raise DataError("QatModel", f"{len(inputs)} inputs", f"{len(graph.ins)}",
                            "give one tensor for each input")
        steps = self._steps()
        values: dict[str, Value] = {}
        ints: dict[str, IntArray] = {}
        for name, x in zip(graph.ins, inputs, strict=True):
            q = graph.tensor(name).params
            ints[name] = q.quantize(x.detach().numpy())
            values[name] = _exactly(_fake(x, steps[name], q), q.dequantize(ints[name]))
        for op in graph.ops:
            self._step(graph, op, values, ints, steps)
        outs = tuple(values[name] for name in measured(graph))
        return outs[0] if len(outs) == 1 else outs

    def _step(self, graph: Graph, op: Op, values: dict[str, Value], ints: dict[str, IntArray],
              steps: Mapping[str, Value]) -> None:
        """The operator `op` on reals and on integers."""
        xs = [values[n] if n in values else self._constant(graph, op, n, steps) for n in op.ins]
        qs = [ints[n] if n in ints else graph.integers(n) for n in op.ins]
        soft = functional.run(op, xs) if functional.differentiable(op) else None
        for name, exact in zip(op.outs, op.run_int(graph, *qs), strict=True):
            q = graph.tensor(name).params
            real = q.dequantize(exact)
            ints[name] = exact
            if soft is None:
                values[name] = torch.from_numpy(real)
            elif op.is_view:
                values[name] = soft
            else:
                values[name] = _exactly(_fake(soft, steps[name], q), real)

    def _constant(self, graph: Graph, op: Op, name: str, steps: Mapping[str, Value]) -> Value:
        """A constant as a real: what is trained with its gradient, others without."""
        tensor, i = graph.tensor(name), self._index.get(name)
        if i is not None and name == op.ins[1]:
            weight, q = getattr(self, f"weight_{i}"), tensor.params
            return _fake(weight, _along(steps[name], q, weight.ndim), q, -q.qmax)
        if i is not None:
            return getattr(self, f"bias_{i}").to(torch.float32)
        if tensor.q is None:
            return torch.tensor(graph.const(name))
        return torch.tensor(tensor.q.dequantize(graph.integers(name)))

    def _steps(self) -> dict[str, Value]:
        """The scale of every activation and weight, with its gradient."""
        graph, steps = self.start.graph, {}
        for i, name in enumerate(self._free):
            steps[name] = _scaled(graph.tensor(name).params, getattr(self, f"log_scale_act_{i}"))
        for i, op in enumerate(self._layers):
            name = op.ins[1]
            steps[name] = _scaled(graph.tensor(name).params, getattr(self, f"log_scale_weight_{i}"))
        for name, root in _followers(graph).items():
            steps[name] = steps[root] if root in steps else torch.tensor(
                graph.tensor(name).params.scale, dtype=torch.float32)
        return steps

    def integers(self) -> Graph:
        """The integer graph of the parameters as they are now."""
        graph = self.start.graph
        steps = {n: s.detach().numpy().astype(np.float64) for n, s in self._steps().items()}
        changed = {t.name: Tensor(t.name, t.shape, None, replace(t.params, scale=steps[t.name]))
                   for t in graph.activations()}
        for i, op in enumerate(self._layers):
            _, w, b = op.ins[:3]
            q_w = replace(graph.tensor(w).params, scale=steps[w])
            q_b = bias_params(changed[op.ins[0]].params, q_w)
            weight, bias = (getattr(self, f"{n}_{i}").detach().numpy() for n in ("weight", "bias"))
            changed[w] = Tensor(w, weight.shape, quantize_weight(weight, q_w), q_w)
            changed[b] = Tensor(b, bias.shape, quantize_bias(bias, q_b), q_b)
        return graph.with_tensors(*changed.values())

    def export(self) -> Quantized:
        """The integer graph, to be lowered for a board like any other; steps are those of `start`.

        Its float graph is that of `start`: what the fine-tuned integers stand for is the network
        that was there before.
        """
        return replace(self.start, graph=self.integers(), score=None)


def _own_scales(graph: Graph) -> tuple[str, ...]:
    """Activations whose scale is chosen, not given by a rule."""
    given = set(_followers(graph))
    return tuple(t.name for t in graph.activations() if t.name not in given)


def _followers(graph: Graph) -> dict[str, str]:
    """Activation -> the one that gives it its scale; itself where a function's range does."""
    found: dict[str, str] = {}
    for op in graph.ops:
        rule = op.rule()
        for name in op.outs:
            if isinstance(rule, SameAsInput):
                source = op.ins[rule.index]
                found[name] = found.get(source, source)
            elif isinstance(rule, Fixed):
                found[name] = name
    for op in reversed(graph.ops):  # what is joined without requantization stays so
        if op.unifies:
            for name in op.ins:
                root = found.get(name, name)
                if root not in found and not graph.tensor(root).is_const and same_params(
                        graph.tensor(root).params, graph.tensor(op.outs[0]).params):
                    found[root] = op.outs[0]
    return {name: _root(found, name) for name in found}


def _root(found: Mapping[str, str], name: str) -> str:
    """The end of the chain of followers that begins with `name`."""
    while found.get(name, name) != name:
        name = found[name]
    return name


def _scaled(q: QuantParams, log_factor: Value) -> Value:
    """The scale of `q` times e**log_factor, rounded to float32 as in model files."""
    factor = torch.exp(torch.clamp(log_factor, -_MOST, _MOST))
    return torch.tensor(q.scale, dtype=torch.float32) * factor


def _along(scale: Value, q: QuantParams, rank: int) -> Value:
    """`scale`, ready to broadcast over a weight of `rank` axes."""
    if q.axis is None:
        return scale
    return scale.reshape(*(-1 if axis == q.axis else 1 for axis in range(rank)))


def _fake(x: Value, scale: Value, q: QuantParams, low: int | None = None) -> Value:
    """`x` clamped to the grid and rounded; rounding passes gradients unchanged."""
    zero = torch.tensor(q.zero, dtype=torch.float32) if q.axis is None else 0.0
    least = q.qmin if low is None else low
    t = torch.clamp(x / scale, least - zero, q.qmax - zero)
    return (t + (torch.round(t) - t).detach()) * scale


def _exactly(soft: Value, real: FloatArray) -> Value:
    """The value `real` with the gradient of `soft`."""
    return _Straight.apply(soft, torch.from_numpy(real))


class _Straight(torch.autograd.Function):
    """The straight-through estimator: the second value forwards, the first one's gradient back."""

    @staticmethod
    def forward(ctx: object, soft: Value, real: Value) -> Value:
        return real.clone()

    @staticmethod
    def backward(ctx: object, grad: Value) -> tuple[Value, None]:
        return grad, None


