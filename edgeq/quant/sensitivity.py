"""What the precision of each layer costs at the output: measured, by curvature, by signal to noise.

Everything is energy on the scores (what enters a final softmax, else the output) divided by theirs,
so that the noise of several layers adds up to that of all as far as it is independent. Of a
classifier only what moves the margin of its answer to the next class counts, if that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
_MOST, _FEWEST = 64, 4  # samples
_STEP = 1e-2  # of the weights' root mean square, of a finite difference
Values = Mapping[str, FloatArray]
View = Callable[[FloatArray], NDArray[np.float64]]  # what counts of the scores


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
                margins: bool = False) -> Sensitivity:
    """The noise of each layer of the float graph `real` alone, on the first `samples`.

    `ints` is an integer graph of it with 8-bit activations, whose ranges are taken. With `margins`
    noise is that of the margin (best score less the next) instead of all scores: what all classes
    share changes no answer.
    """
    known = _known(real, samples)
    (name_out, *_) = measured(real)
    out = _Out(name_out, _pairs(known[name_out]) if margins else None)
    energy = max(float((out.of(known[name_out]) ** 2).sum()), 1e-30)
    rng = np.random.default_rng(0)
    weights, activations = list[WeightNoise](), list[ActivationNoise]()
    for name in real.ins:
        activations.append(_activation(real, ints, -1, name, known, out))
    for i, op in enumerate(real.ops):
        if is_mac(op):
            trace = curvature(real, i, known, out.name, rng, seen=out.of) / energy
            weights += [_weights(real, ints, i, known, out, trace, recipe, w)
                        for w in widths if w.bits == 8 or not mac_view(real, op).depthwise]
        if not op.is_view:
            activations += [_activation(real, ints, i, n, known, out) for n in op.outs]
        progress((i + 1) / len(real.ops))
    return Sensitivity(tuple(weights), tuple(activations))


@dataclass(frozen=True, eq=False)
class _Out:
    """What is looked at: the scores `name`, or of each sample the difference of two."""

    name: str
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]] | None

    def of(self, scores: FloatArray) -> NDArray[np.float64]:
        """(n, ...) scores, or (n,) differences."""
        if self.pairs is None:
            return scores.astype(np.float64)
        flat, rows = scores.reshape(len(scores), -1).astype(np.float64), np.arange(len(scores))
        best, second = self.pairs
        return np.asarray(flat[rows, best] - flat[rows, second])


def _pairs(scores: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """The best and the next class of each sample; None where there is one value."""
    flat = scores.reshape(len(scores), -1)
    if flat.shape[1] < 2:
        return None
    order = np.argsort(-flat, axis=1, kind="stable")
    return order[:, 0], order[:, 1]


def _known(real: Graph, samples: Sequence[FloatArray]) -> dict[str, FloatArray]:
    """Every activation on as many samples as fit."""
    each = max(1, sum(t.size for t in real.activations()))
    count = int(np.clip(_MOST_VALUES // each, _FEWEST, _MOST))
    inputs = {n: x[:count] for n, x in zip(real.ins, samples, strict=True)}
    return run_float(real, inputs, keep=[t.name for t in real.activations()])


def curvature(real: Graph, index: int, known: Values, out: str, rng: np.random.Generator,
              probes: int = 2,
              seen: View = lambda scores: scores.astype(np.float64)) -> float:
    """Trace of the Gauss-Newton matrix J'J of the scores by the weights of layer `index`.

    J'J is the Hessian of half the square error at its minimum. Hutchinson's estimate: the mean of
    |J v|**2 over random signs v, J v by a finite difference, so no gradient is needed. `seen` is
    the linear function of the scores that counts, all of them unless given.
    Source: Dong et al. 2020 (HAWQ-V2), sections 3.1 and 3.2.
    """
    op = real.ops[index]
    view, base = mac_view(real, op), seen(known[out])
    step = _STEP * float(np.sqrt(np.mean(np.square(view.weight, dtype=np.float64)))) + 1e-12
    total = 0.0
    for _ in range(probes):
        signs = rng.choice(np.array([-1, 1], np.float32), view.weight.shape)
        (y,) = op.run(known[op.ins[0]], view.weight + np.float32(step) * signs, view.bias)
        moved = seen(run_on(real, index, known, {op.outs[0]: y}, out))
        total += float((((moved - base) / step) ** 2).sum())
    return total / probes


def _weights(real: Graph, ints: Graph, index: int, known: Values, out: _Out,
             trace: float, recipe: Recipe, width: Width) -> WeightNoise:
    """Rounded from every other sample, measured on those between.

    On the samples that it compensates for, rounding of a dense layer leaves hardly any noise.
    """
    op = real.ops[index]
    view, x = mac_view(real, op), known[op.ins[0]]
    tensor = nearest(real, ints, op, recipe, width)
    if width.bits < 8:
        tensor = rounded(view, x[::2], x[::2], tensor)
    weight = tensor.params.dequantize(tensor.data)  # type: ignore[arg-type]
    y = _mean_kept(view, x, weight)
    judges = slice(1, None, 2) if len(x) > 1 else slice(None)
    moved = run_on(real, index, known, {op.outs[0]: y}, out.name)
    error = np.asarray(weight, np.float64) - view.weight
    return WeightNoise(op.name, width, _noise(moved, known, out, judges),
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


def _activation(real: Graph, ints: Graph, index: int, name: str, known: Values,
                out: _Out) -> ActivationNoise:
    q = ints.tensor(name).params
    y = fake_quantize(known[name], q)
    moved = run_on(real, index, known, {name: y}, out.name)
    return ActivationNoise(name, _noise(moved, known, out, slice(None)))


def _noise(moved: FloatArray, known: Values, out: _Out, rows: slice) -> float:
    base = out.of(known[out.name])[rows]
    error = out.of(moved)[rows] - base
    return float((error**2).sum()) / max(float((base**2).sum()), 1e-30)
