"""A segment of an integer graph with variables: its roundings, biases, weight and activation steps.

The forward run is the simulation of simulate.py; the backward run takes rounding as the identity
inside the range (straight-through estimator), and a step's gradient from Esser et al. 2020.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph, QuantParams, Tensor
from edgeq.layers import is_mac, mac_view, shared_weights
from edgeq.quant.coarse import is_coarse
from edgeq.quant.gradients import pull_back
from edgeq.quant.params import per_tensor, symmetric_params
from edgeq.quant.refit import refit, roots
from edgeq.quant.segments import Segment
from edgeq.quant.simulate import constants
from edgeq.run_op import run_real

Values = NDArray[np.float32]


class Kind(Enum):
    """What a variable is; its name is that of the tensor."""

    ROUNDING = 1  # real weights in steps of their scale; rounded they are the integers
    BIAS = 2  # real biases, in steps of the layer's output
    WEIGHT = 3  # natural logarithm of the factor on each channel's scale
    STEP = 4  # that of an activation's scale, for the root of its group
    ZERO = 5  # zero point of an activation, real, for the root of its group


Key = tuple[Kind, str]
Variables = dict[Key, Values]
_HALF = np.float32(0.5)
LEAN = 0.3  # how far weights start from their integers towards the float ones, in steps
_MOST_STEP = float(np.log(2.0))  # activation scales stay within a factor of 2


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer with weights."""

    ints: Values  # the integers at hand
    scale: Values  # () or shaped to multiply the weights
    bias: Values  # (out_c,) real
    unit: float  # of the bias variable: the step of the output
    top: float  # integers lie in [-top, top]


@dataclass(frozen=True, eq=False)
class Tape:
    """What the backward run needs of a forward run."""

    values: Mapping[str, FloatArray]  # every activation, quantized
    raw: Mapping[str, FloatArray]  # operators' outputs before quantization
    weights: Mapping[str, FloatArray]  # constants as they were used


class Student:
    """The segment; `variables` given to its methods are those of `start`, moved."""

    def __init__(self, real: Graph, ints: Graph, part: Segment, learn: Iterable[Kind]) -> None:
        """`real` is the float graph of `ints`; `learn` says which kinds of variables there are.

        Layers that share weights learn nothing, those of few levels (coarse.py) their biases.
        """
        self.part, self._real, self._ints = part, real, ints
        kinds, root, shared = set(learn), roots(ints), shared_weights(real)
        self._const = constants(ints)
        made = {n for op in part.ops for n in op.outs}
        self._root = {n: root[n] if root[n] in made else None for n in made}
        self._views = {n for op in part.ops if op.is_view for n in op.outs}
        self._layers: dict[str, _Layer] = {}
        self.start: Variables = {}
        for op in part.ops:
            if is_mac(op):
                weight, bias = op.ins[1:3]
                layer, v = _layer(real, ints, op.name)
                self._layers[weight] = layer
                if op.name in shared:
                    continue
                self.start[Kind.BIAS, bias] = np.zeros_like(layer.bias)
                if not is_coarse(ints.tensor(weight).params):
                    self.start |= {(Kind.ROUNDING, weight): v,
                                   (Kind.WEIGHT, weight): np.zeros_like(layer.scale)}
        for key in {k: None for k in self._root.values() if k is not None}:
            q = ints.tensor(key).params
            if q.bits == 8:
                self.start[Kind.STEP, key] = np.zeros((), np.float32)
                if q.qmin < int(q.zero) < q.qmax:
                    self.start[Kind.ZERO, key] = np.asarray(q.zero, np.float32)
        self.start = {key: x for key, x in self.start.items() if key[0] in kinds}
        self._owner = {op.ins[2]: op.ins[1] for op in part.ops if is_mac(op)}

    def weight(self, name: str, variables: Variables) -> Values:
        """The real weights `name`."""
        return np.asarray(self.integers(name, variables) * self._scale(name, variables), np.float32)

    def integers(self, name: str, variables: Variables) -> Values:
        """The integers of the weights `name`."""
        layer, w = self._layers[name], variables.get((Kind.ROUNDING, name))
        if w is None:
            return layer.ints
        return np.asarray(np.clip(np.rint(w), -layer.top, layer.top), np.float32)

    def _scale(self, name: str, variables: Variables) -> Values:
        log = variables.get((Kind.WEIGHT, name))
        scale = self._layers[name].scale
        return scale if log is None else np.asarray(scale * np.exp(log), np.float32)

    def bias(self, name: str, variables: Variables) -> Values:
        """The real biases `name`."""
        layer = self._layers[self._owner[name]]
        move = variables.get((Kind.BIAS, name))
        return layer.bias if move is None else layer.bias + np.float32(layer.unit) * move

    def grid(self, name: str, variables: Variables) -> tuple[np.float32, float, float, float]:
        """(scale, zero, qmin, qmax) of the activation `name`; zero may be real."""
        q, key = self._ints.tensor(name).params, self._root[name]
        scale, zero = float(q.scale), float(q.zero)
        if key is not None and (Kind.STEP, key) in variables:
            log = float(variables[Kind.STEP, key])
            scale *= float(np.exp(np.clip(log, -_MOST_STEP, _MOST_STEP)))
        if key is not None and (Kind.ZERO, key) in variables:
            zero = float(np.clip(variables[Kind.ZERO, key], q.qmin, q.qmax))
        return np.float32(scale), zero, q.qmin, q.qmax

    def forward(self, inputs: Mapping[str, FloatArray], variables: Variables) -> Tape:
        """A run on quantized `inputs`."""
        values, raw, weights = dict(inputs), dict[str, FloatArray](), dict[str, FloatArray]()
        for op in self.part.ops:
            if is_mac(op):
                weights[op.ins[1]] = self.weight(op.ins[1], variables)
                weights[op.ins[2]] = self.bias(op.ins[2], variables)
            xs = [weights.get(n, self._const.get(n)) if n not in values else values[n]
                  for n in op.ins]
            for name, y in zip(op.outs, run_real(self._real, op, xs), strict=True):  # type: ignore[arg-type]
                raw[name] = y
                values[name] = y if name in self._views else self._rounded(name, y, variables)
        return Tape(values, raw, weights)

    def _rounded(self, name: str, y: FloatArray, variables: Variables) -> FloatArray:
        scale, zero, qmin, qmax = self.grid(name, variables)
        z = np.rint(zero)
        q = np.rint(y * (np.float32(1) / scale))
        return np.asarray(np.clip(q, np.float32(qmin - z), np.float32(qmax - z)) * scale)

    def backward(self, tape: Tape, grads: Mapping[str, FloatArray],
                 variables: Variables) -> Variables:
        """d loss / d variable from `grads` = d loss / d output of the segment, by name."""
        flowing, result = dict(grads), {key: np.zeros_like(x) for key, x in variables.items()}
        for op in reversed(self.part.ops):
            if not any(n in flowing for n in op.outs):
                continue
            (out,) = op.outs
            grad = flowing.pop(out)
            if out not in self._views:
                grad = self._through_rounding(out, tape.raw[out], grad, variables, result)
            xs = [tape.weights.get(n, self._const.get(n)) if n not in tape.values
                  else tape.values[n] for n in op.ins]
            pulled = pull_back(op, xs, tape.raw[out], grad)  # type: ignore[arg-type]
            for name, g in zip(op.ins, pulled, strict=False):
                if name in tape.raw:
                    flowing[name] = flowing[name] + g if name in flowing else g
            if is_mac(op):
                self._collect(op.ins[1], op.ins[2], pulled, tape, variables, result)
        return result

    def _collect(self, weight: str, bias: str, pulled: tuple[FloatArray, ...], tape: Tape,
                 variables: Variables, result: Variables) -> None:
        """Gradients of one layer's variables from those of its weights and biases."""
        by_weight, by_bias = pulled[1], pulled[2]
        if (Kind.ROUNDING, weight) in variables:
            w, top = variables[Kind.ROUNDING, weight], self._layers[weight].top
            inside = np.abs(w) <= top + 0.5
            result[Kind.ROUNDING, weight] += by_weight * inside * self._scale(weight, variables)
        if (Kind.WEIGHT, weight) in variables:
            product = by_weight * tape.weights[weight]
            shape = result[Kind.WEIGHT, weight].shape
            axes = tuple(i for i in range(product.ndim) if not shape or shape[i] == 1)
            result[Kind.WEIGHT, weight] += product.sum(axes, keepdims=bool(shape))
        if (Kind.BIAS, bias) in variables:
            result[Kind.BIAS, bias] += by_bias * np.float32(self._layers[weight].unit)

    def _through_rounding(self, name: str, y: FloatArray, grad: FloatArray, variables: Variables,
                          result: Variables) -> FloatArray:
        """`grad` before the quantization of `name`; adds to the gradients of its parameters."""
        scale, zero, qmin, qmax = self.grid(name, variables)
        z = float(np.rint(zero))
        v = y * (np.float32(1) / scale)
        low, high = np.float32(qmin - z), np.float32(qmax - z)
        inside = (v > low - _HALF) & (v < high + _HALF)
        key = self._root[name]
        if key is not None and (Kind.STEP, key) in variables:
            q = np.clip(np.rint(v), low, high)
            # d yq / d log(scale): yq where clipped, else the rounding error (equation 3)
            result[Kind.STEP, key] += scale * np.float32(np.vdot(grad, q - v * inside))
        if key is not None and (Kind.ZERO, key) in variables:
            result[Kind.ZERO, key] -= scale * np.float32(grad.sum() - np.vdot(grad, inside))
        return np.asarray(grad * inside)

    def finish(self, variables: Variables) -> Graph:
        """The integer graph with what was learned."""
        weights, biases = {}, {}
        steps: dict[str, QuantParams] = {}
        for kind, name in variables:
            if kind is Kind.BIAS:
                biases[name] = np.asarray(self.bias(name, variables), np.float64)
            elif kind in (Kind.ROUNDING, Kind.WEIGHT) and name not in weights:
                weights[name] = self._weights(name, variables)
            elif kind in (Kind.STEP, Kind.ZERO):
                scale, zero, _, _ = self.grid(name, variables)
                bits = self._ints.tensor(name).params.bits
                steps[name] = per_tensor(float(scale), int(np.rint(zero)), bits)
        return refit(self._real, self._ints, steps, weights, biases)

    def _weights(self, name: str, variables: Variables) -> Tensor:
        old, scale = self._ints.tensor(name), self._scale(name, variables)
        ints = self.integers(name, variables)
        flat = np.asarray(scale, np.float64).reshape(old.params.scale.shape)
        q = symmetric_params(flat, old.params.bits, old.params.axis)
        return Tensor(name, old.shape, ints.astype(np.int8), q)


def _layer(real: Graph, ints: Graph, name: str) -> tuple[_Layer, Values]:
    """The layer, and real weights in steps: they round to its integers, near the float ones."""
    op = next(o for o in real.ops if o.name == name)
    view, weight, bias = mac_view(real, op), ints.tensor(op.ins[1]), ints.tensor(op.ins[2])
    q, shape = weight.params, [1] * view.weight.ndim
    if q.axis is not None:
        shape[q.axis] = -1
    scale = q.scale.reshape(shape) if q.axis is not None else q.scale
    now = np.asarray(weight.data, np.float64)
    lean = LEAN * np.clip(view.weight / scale - now, -1, 1)
    real_bias = np.asarray(bias.data, np.float64) * bias.params.scale
    layer = _Layer(now.astype(np.float32), scale.astype(np.float32),
                   real_bias.astype(np.float32), float(ints.tensor(op.outs[0]).params.scale),
                   float(q.qmax))
    return layer, np.asarray(now + lean, np.float32)
