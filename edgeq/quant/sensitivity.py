"""What the precision of each layer costs at the output: measured, by curvature, by signal to noise.

Everything is energy on the scores (what enters a final softmax, else the output) divided by theirs,
so that the noise of several layers adds up to that of all as far as it is independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.execute import run_float, run_on
from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, is_mac, mac_view, without_act
from edgeq.ops.base import Op
from edgeq.ops.mac import apply_act
from edgeq.quant.params import fake_quantize
from edgeq.quant.simulate import measured, sqnr_db
from edgeq.quant.weight_steps import rounded
from edgeq.quant.weights import quantize_weight, weight_params
from edgeq.recipe import Recipe, Rounding, WeightRange

_MOST_VALUES = 3 * 10**7  # activation values that are kept at once
_MOST, _FEWEST = 32, 4  # samples
_STEP = 1e-2  # of the weights' root mean square, of a finite difference
Values = Mapping[str, FloatArray]


@dataclass(frozen=True)
class Width:
    """How finely a layer's weights are stored."""

    bits: int
    group: int = 0  # input channels that share a factor; 0: one scale an output channel

    def on(self, recipe: Recipe) -> Recipe:
        """`recipe` of one layer with weights of this width, its steps as they suit few bits."""
        if self.bits >= 8:
            return recipe
        return replace(recipe, weight_bits=self.bits, group_size=self.group,
                       weight_range=WeightRange.MSE, rounding=Rounding.COMPENSATE,
                       act_bits=8, learn_steps=False)


@dataclass(frozen=True)
class WeightNoise:
    """One layer with weights of one width, everything else in float (leave one in)."""

    layer: str
    width: Width
    noise: float  # on the scores, of theirs
    predicted: float  # the same by the curvature: trace / weights * |change of the weights|**2
    weights_db: float  # signal to noise of the weights themselves


@dataclass(frozen=True)
class ActivationNoise:
    """One activation in 8 bits, everything else in float."""

    tensor: str
    noise: float


@dataclass(frozen=True)
class Sensitivity:
    """Every layer at every width that was asked for, in execution order."""

    weights: tuple[WeightNoise, ...]
    activations: tuple[ActivationNoise, ...]


def sensitivity(real: Graph, ints: Graph, samples: Sequence[FloatArray], recipe: Recipe,
                widths: Sequence[Width], progress: Callable[[float], None] = lambda share: None,
                ) -> Sensitivity:
    """The noise of each layer of the float graph `real` alone, on the first `samples`.

    `ints` is an integer graph of it with 8-bit activations, whose ranges are taken.
    """
    known = _known(real, samples)
    (out, *_) = measured(real)
    energy = float((known[out].astype(np.float64) ** 2).sum())
    rng = np.random.default_rng(0)
    weights, activations = list[WeightNoise](), list[ActivationNoise]()
    for name in real.ins:
        activations.append(_activation(real, ints, -1, name, known, out, energy))
    for i, op in enumerate(real.ops):
        if is_mac(op):
            trace = curvature(real, i, known, out, rng) / energy
            weights += [_weights(real, ints, i, known, out, energy, trace, recipe, w)
                        for w in widths if w.bits == 8 or not mac_view(real, op).depthwise]
        if not op.is_view:
            activations += [_activation(real, ints, i, n, known, out, energy) for n in op.outs]
        progress((i + 1) / len(real.ops))
    return Sensitivity(tuple(weights), tuple(activations))


def _known(real: Graph, samples: Sequence[FloatArray]) -> dict[str, FloatArray]:
    """Every activation on as many samples as fit."""
    each = max(1, sum(t.size for t in real.activations()))
    count = int(np.clip(_MOST_VALUES // each, _FEWEST, _MOST))
    inputs = {n: x[:count] for n, x in zip(real.ins, samples, strict=True)}
    return run_float(real, inputs, keep=[t.name for t in real.activations()])


def curvature(real: Graph, index: int, known: Values, out: str, rng: np.random.Generator,
              probes: int = 2) -> float:
    """Trace of the Gauss-Newton matrix J'J of the scores by the weights of layer `index`.

    J'J is the Hessian of half the square error at its minimum. Hutchinson's estimate: the mean of
    |J v|**2 over random signs v, J v by a finite difference, so no gradient is needed.
    Source: Dong et al. 2020 (HAWQ-V2), sections 3.1 and 3.2.
    """
    op = real.ops[index]
    view, base = mac_view(real, op), known[out].astype(np.float64)
    step = _STEP * float(np.sqrt(np.mean(np.square(view.weight, dtype=np.float64)))) + 1e-12
    total = 0.0
    for _ in range(probes):
        signs = rng.choice(np.array([-1, 1], np.float32), view.weight.shape)
        (y,) = op.run(known[op.ins[0]], view.weight + np.float32(step) * signs, view.bias)
        moved = run_on(real, index, known, {op.outs[0]: y}, out).astype(np.float64)
        total += float((((moved - base) / step) ** 2).sum())
    return total / probes


def _weights(real: Graph, ints: Graph, index: int, known: Values, out: str, energy: float,
             trace: float, recipe: Recipe, width: Width) -> WeightNoise:
    op = real.ops[index]
    view, x = mac_view(real, op), known[op.ins[0]]
    tensor = nearest(real, ints, op, recipe, width)
    if width.bits < 8:
        tensor = rounded(view, x, x, tensor)
    weight = tensor.params.dequantize(tensor.data)  # type: ignore[arg-type]
    y = _mean_kept(view, x, weight)
    moved = run_on(real, index, known, {op.outs[0]: y}, out)
    error = np.asarray(weight, np.float64) - view.weight
    return WeightNoise(op.name, width, _noise(moved, known[out], energy),
                       trace / error.size * float((error**2).sum()),
                       sqnr_db(view.weight, np.asarray(weight, np.float32)))


def nearest(real: Graph, ints: Graph, op: Op, recipe: Recipe, width: Width) -> Tensor:
    """The weights of the layer `op` in `width`, rounded to nearest."""
    view, own = mac_view(real, op), width.on(recipe.of(op.name))
    q_in, q_out = ints.tensor(op.ins[0]).params, ints.tensor(op.outs[0]).params
    q = weight_params(view, q_in, q_out, own, width.bits)
    return Tensor(op.ins[1], view.weight.shape, quantize_weight(view.weight, q), q)


def _mean_kept(view: MacView, x: FloatArray, weight: FloatArray) -> FloatArray:
    """The layer's output with `weight`, each channel's mean before the activation as in float."""
    bare = without_act(view.op)
    (want,), (got,) = bare.run(x, view.weight, view.bias), bare.run(x, weight, view.bias)
    axes = tuple(range(want.ndim - 1))
    shift = (want.mean(axes, dtype=np.float64) - got.mean(axes, dtype=np.float64))
    return apply_act(got + shift.astype(np.float32), view.op.act)


def _activation(real: Graph, ints: Graph, index: int, name: str, known: Values, out: str,
                energy: float) -> ActivationNoise:
    q = ints.tensor(name).params
    y = fake_quantize(known[name], q)
    moved = run_on(real, index, known, {name: y}, out)
    return ActivationNoise(name, _noise(moved, known[out], energy))


def _noise(moved: FloatArray, base: FloatArray, energy: float) -> float:
    error = moved.astype(np.float64) - base
    return float((error**2).sum()) / max(energy, 1e-30)
