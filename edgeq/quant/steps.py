"""The steps of post-training quantization, each measured on samples set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from edgeq.errors import DataError
from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, is_mac, shared_weights, unshare
from edgeq.passes.absorb_bias import absorb_bias
from edgeq.passes.equalize import equalize
from edgeq.quant.across import output_moments, rounded_across
from edgeq.quant.adaround import AdaRound, adaround_layer
from edgeq.quant.assign import assign, weight_bits
from edgeq.quant.at_once import adaround_at_once
from edgeq.quant.awq import awq
from edgeq.quant.bias_correct import Rounder, correct_analytic, correct_empirical
from edgeq.quant.choose import choose_ranges
from edgeq.quant.float32 import with_float32
from edgeq.quant.input_clip import clipped, input_clip
from edgeq.quant.observe import Stats, observe
from edgeq.quant.reconstruct import END_TO_END, Learning, learn_steps, reconstruct
from edgeq.quant.simulate import Score, reference, score
from edgeq.quant.split import split_weights
from edgeq.quant.weight_steps import rounded
from edgeq.quant.widths import carried, check_layers, with_widths
from edgeq.recipe import ActRange, BiasCorrection, Equalize, Recipe, Rounding

Progress = Callable[[str, float], None]  # (what is being done, share done in [0, 1])
Samples = tuple[FloatArray, ...]

_ASIDE = 4  # every fourth sample judges the steps, the others feed them
_FEW = 8  # below this many samples all do both
_CHANCE_DB = 0.2  # of two roundings with the same steps, a smaller difference is chance
_TRIAL_VALUES = 6 * 10**7  # activation values that the samples of one trial may make


@dataclass(frozen=True)
class Step:
    """One step of the recipe and what it did to the samples set aside."""

    name: str
    kept: bool
    before: Score | None
    after: Score | None

    def __str__(self) -> str:
        if self.after is None:
            return f"{self.name}: done, not measured"
        if self.before is None:
            return f"{self.name}: {self.after}"
        verdict = "kept" if self.kept else "rolled back"
        return (f"{self.name}: {verdict}, SQNR {self.before.sqnr_db:.2f} -> "
                f"{self.after.sqnr_db:.2f} dB, agreement {100 * self.before.agreement:.1f} -> "
                f"{100 * self.after.agreement:.1f} %")


@dataclass(frozen=True, eq=False)
class Quantized:
    """The integer graph, the float graph it stands for, and how it came about."""

    graph: Graph
    float_graph: Graph
    steps: tuple[Step, ...]
    score: Score | None  # on the samples set aside; None where nothing was measured


@dataclass(frozen=True)
class _Choice:
    """The steps that a candidate takes."""

    equalize: Equalize = Equalize.OFF
    absorb: bool = False
    correct: BiasCorrection = BiasCorrection.OFF
    rounding: Rounding = Rounding.NEAREST
    across: bool = False
    blocks: bool = False
    learn: bool = False
    input_clip: float = 1.0
    ranges: ActRange = ActRange.MSE


def quantize(graph: Graph, samples: FloatArray | Samples, recipe: Recipe,
             progress: Progress = lambda what, share: None) -> Quantized:
    """The integer graph of the simplified float `graph`, calibrated on real-valued `samples`.

    `samples` is (n, ...) for the first input, or one such array for each input. Every step of
    `recipe` is tried together with the steps kept before it, measured on every fourth sample,
    which the others do not see, and left out where it harms; the result is then built from all
    samples. Raises DataError on samples that do not fit or are not finite.
    """
    data = _checked(graph, samples)
    graph = unshare(graph)
    check_layers(graph, recipe)
    graph = with_float32(graph, recipe)
    wishes = _wishes(recipe)
    if not recipe.rollback:
        choice = _Choice(ranges=_first_ranges(recipe))
        for _, wish in wishes:
            choice = wish(choice)
        real, ints = _Work(recipe, data, progress, {}).build(graph, choice, "quantize")
        return Quantized(ints, real, tuple(Step(n, True, None, None) for n, _ in wishes), None)
    choice, steps = _kept(graph, data, recipe, wishes, progress)
    real, ints = _Work(recipe, data, progress, {}).build(graph, choice, "quantize")
    best = next(s.after for s in reversed(steps) if s.kept)
    return Quantized(ints, real, tuple(steps), best)


Wish = tuple[str, Callable[[_Choice], _Choice]]


def _wishes(recipe: Recipe) -> list[Wish]:
    """(name, what it adds to a choice) of the recipe's steps, in the order they are tried."""
    found: list[Wish] = []
    if recipe.bias_correction is not BiasCorrection.OFF:
        found.append((f"{recipe.bias_correction.value} bias correction",
                      lambda c: replace(c, correct=recipe.bias_correction)))
    most = max([recipe.rounding, *(x.rounding for x in recipe.layers if x.rounding)],
               key=list(Rounding).index)
    if most is not Rounding.NEAREST:
        found.append(("rounding with error compensation",
                      lambda c: replace(c, rounding=Rounding.COMPENSATE)))
    if recipe.equalize is not Equalize.OFF:
        aware = recipe.equalize is Equalize.AWQ
        found.append(("activation-aware scaling" if aware else
                      f"equalization of {recipe.equalize.value}",
                      lambda c: replace(c, equalize=recipe.equalize)))
    if recipe.absorb_bias:
        found.append(("bias absorption", lambda c: replace(c, absorb=True)))
    if recipe.act_range is ActRange.AUTO and recipe.rollback:
        found += [(f"{method.value} ranges", partial(_with_ranges, method))
                  for method in (ActRange.MINMAX, ActRange.PERCENTILE)]
    if most is not Rounding.NEAREST and recipe.across:
        found.append(("compensation across channels", lambda c: replace(c, across=True)))
    if most is Rounding.ADAROUND:
        found.append(("learned rounding, layer by layer",
                      lambda c: replace(c, rounding=Rounding.ADAROUND)))
    if most is Rounding.BLOCK:
        found.append(("reconstruction, block by block", lambda c: replace(c, blocks=True)))
    if recipe.learn_steps:
        found.append(("learned steps and biases", lambda c: replace(c, learn=True)))
    return found


def _with_ranges(method: ActRange, choice: _Choice) -> _Choice:
    return replace(choice, ranges=method)


def _first_ranges(recipe: Recipe) -> ActRange:
    """The method of the recipe; of AUTO the one that is tried first."""
    return ActRange.MSE if recipe.act_range is ActRange.AUTO else recipe.act_range


def _kept(graph: Graph, data: Samples, recipe: Recipe, wishes: list[Wish],
          progress: Progress) -> tuple[_Choice, list[Step]]:
    """The steps that help, and how each measured on samples that did not feed it."""
    fit, aside = _split(graph, data)
    work = _Work(recipe, fit, progress, {})
    wanted = reference(graph, aside)
    choice = _Choice(input_clip=work.input_clip(graph, aside, wanted),
                     ranges=_first_ranges(recipe))
    name = f"round to nearest, {choice.ranges.value} ranges"
    if choice.input_clip < 1:
        name += f", inputs clipped to {choice.input_clip:g} of theirs"
    best = score(work.build(graph, choice, name)[1], aside, wanted)
    steps = [Step(name, True, None, best)]
    for name, wish in wishes:
        candidate = wish(choice)
        after = score(work.build(graph, candidate, f"try {name}")[1], aside, wanted)
        margin = _CHANCE_DB if candidate.across and not choice.across else 0.0
        kept = after.sqnr_db > best.sqnr_db + margin
        steps.append(Step(name, kept, best, after))
        if kept:
            choice, best = candidate, after
    return choice, steps


@dataclass(frozen=True, eq=False)
class _Work:
    """What every candidate is built from; `seen` keeps float graphs that were observed."""

    recipe: Recipe
    samples: Samples
    progress: Progress
    seen: dict[tuple[Equalize, bool], tuple[Graph, Stats]]

    def build(self, graph: Graph, choice: _Choice, what: str) -> tuple[Graph, Graph]:
        """(float graph, integer graph) of `choice`."""
        real, stats = self.prepared(graph, choice.equalize, choice.absorb, what)
        chosen = choose_ranges(real, stats, replace(self.recipe, act_range=choice.ranges))
        ints = assign(real, clipped(self.clippable(real), chosen, choice.input_clip), self.recipe)
        if choice.correct is BiasCorrection.ANALYTIC:
            ints = correct_analytic(real, ints, self.samples)
        correct, n = choice.correct is BiasCorrection.EMPIRICAL, len(real.ops)
        if correct or choice.rounding is not Rounding.NEAREST:
            ints = correct_empirical(real, ints, self.samples,
                                     lambda i: self.progress(what, (n + i) / (2 * n)),
                                     self.rounder(choice, real), correct)
        if self.recipe.at_once and choice.rounding is Rounding.ADAROUND:
            own = self.layers_of(real, Rounding.ADAROUND)
            ints = adaround_at_once(real, ints, self.samples, AdaRound(), self.rng(), own)
        if choice.blocks:
            own = self.layers_of(real, Rounding.BLOCK)
            ints = reconstruct(real, ints, self.samples, Learning(), self.rng(), own,
                               partial(self.progress, f"{what}, blocks"))
        if choice.learn:
            ints = learn_steps(real, ints, self.samples, END_TO_END, self.rng(),
                               partial(self.progress, f"{what}, learning"))
        self.progress(what, 1.0)
        return real, ints

    def layers_of(self, real: Graph, kind: Rounding) -> frozenset[str]:
        """The operators that the recipe rounds so, but for layers that share their weights."""
        own = {op.name for op in real.ops if self.recipe.of(op.name).rounding is kind}
        return frozenset(own - shared_weights(real))

    def prepared(self, graph: Graph, kind: Equalize, absorb: bool,
                 what: str) -> tuple[Graph, Stats]:
        """The transformed float graph in the layers and widths of the recipe, with statistics."""
        equal, stats = self.observed(graph, kind, absorb, what)
        split = split_weights(equal, self.recipe)
        if split is not equal:
            stats = observe(split, self.samples)
        real = with_widths(split, self.recipe)
        return real, carried(real, stats)

    def rng(self) -> np.random.Generator:
        """The same random numbers for every candidate and every method."""
        return np.random.default_rng(self.recipe.seed)

    def rounder(self, choice: _Choice, real: Graph) -> Rounder:
        """Rounds each layer as the recipe says, with nothing that takes more effort than `choice`.

        Layers that share their weights are rounded to nearest, which gives all the same integers.
        """
        most, shared = choice.rounding, shared_weights(real)
        learn = adaround_layer(AdaRound(), self.rng())
        across = choice.across and most is not Rounding.NEAREST
        outputs = output_moments(real, self.samples, self.rng()) if across else {}

        def rounder(view: MacView, x: FloatArray, wanted: FloatArray, old: Tensor) -> Tensor:
            own = self.recipe.of(view.op.name)
            nearest = view.op.name in shared or Rounding.NEAREST in (own.rounding, most)
            if own.weight_bits > 8 or nearest:
                return old
            if Rounding.COMPENSATE in (own.rounding, most) or self.recipe.at_once:
                return rounded_across(view, x, wanted, rounded(view, x, wanted, old), outputs)
            return learn(view, x, wanted, old)

        return rounder

    def input_clip(self, graph: Graph, aside: Samples, wanted: list[FloatArray]) -> float:
        """The clip of the inputs that harms the outputs on the samples set aside least."""
        real, stats = self.observed(graph, Equalize.OFF, False, "clip inputs")
        chosen = choose_ranges(real, stats, self.recipe)
        return input_clip(real, self.clippable(real), chosen, aside, wanted)

    def clippable(self, graph: Graph) -> tuple[str, ...]:
        """The inputs of 8 bits that are no states."""
        kept = {s.source for s in graph.states}
        return tuple(n for n in graph.ins if self.recipe.of(n).act_bits == 8 and n not in kept)

    def observed(self, graph: Graph, kind: Equalize, absorb: bool,
                 what: str) -> tuple[Graph, Stats]:
        """The transformed float graph and its statistics on the samples."""
        key = (kind, absorb)
        if key not in self.seen:
            if absorb:
                before, stats = self.observed(graph, kind, False, what)
                graph = absorb_bias(before, stats.channels)
            elif kind is not Equalize.OFF:
                before, stats = self.observed(graph, Equalize.OFF, False, what)
                bits = {op.name: weight_bits(graph, op, self.recipe)
                        for op in graph.ops if is_mac(op)}
                graph = (awq(before, self.samples, bits, self.recipe.group_size)
                         if kind is Equalize.AWQ else
                         equalize(before, kind, stats.channels, bits))
            total, done = len(self.samples[0]), 0

            def tick(n: int) -> None:
                nonlocal done
                done += n
                self.progress(what, done / (2 * total))

            self.seen[key] = (graph, observe(graph, self.samples, tick))
        return self.seen[key]


def _split(graph: Graph, data: Samples) -> tuple[Samples, Samples]:
    """(samples that feed the trials, samples that judge them), no more than trials can afford."""
    most = max(_FEW, _TRIAL_VALUES // max(1, sum(t.size for t in graph.activations())))
    data = tuple(x[:most] for x in data)
    n = len(data[0])
    if n < _FEW:
        return data, data
    judge = np.arange(n) % _ASIDE == _ASIDE - 1
    return tuple(x[~judge] for x in data), tuple(x[judge] for x in data)


def _checked(graph: Graph, samples: FloatArray | Samples) -> Samples:
    arrays = samples if isinstance(samples, tuple) else (samples,)
    if len(arrays) != len(graph.ins):
        raise DataError("calibration samples", f"{len(arrays)} arrays",
                        f"one for each of the {len(graph.ins)} inputs", "see `edgeq inspect`")
    checked = []
    for name, x in zip(graph.ins, arrays, strict=True):
        want = graph.tensor(name).shape[1:]
        if x.ndim == 0 or x.shape[1:] != want or len(x) != len(arrays[0]):
            raise DataError(f"calibration samples of {name!r}", f"shape {x.shape}",
                            f"(n, {', '.join(map(str, want))})", "reshape the samples")
        if len(x) == 0:
            raise DataError("calibration samples", "none", "at least one", "give more samples")
        values = np.asarray(x, np.float32)
        if not np.isfinite(values).all():
            raise DataError(f"calibration samples of {name!r}", "NaN or infinite values",
                            "finite numbers", "check the data and its preprocessing")
        checked.append(values)
    return tuple(checked)
