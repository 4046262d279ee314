"""The steps of post-training quantization, each measured on samples set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeq.errors import DataError
from edgeq.ir import FloatArray, Graph
from edgeq.layers import unshare
from edgeq.passes.absorb_bias import absorb_bias
from edgeq.passes.equalize import equalize
from edgeq.quant.assign import assign
from edgeq.quant.bias_correct import correct_analytic, correct_empirical
from edgeq.quant.choose import choose_ranges
from edgeq.quant.observe import Stats, observe
from edgeq.quant.simulate import Score, reference, score
from edgeq.recipe import BiasCorrection, Equalize, Recipe

Progress = Callable[[str, float], None]  # (what is being done, share done in [0, 1])
Samples = tuple[FloatArray, ...]

_ASIDE = 4  # every fourth sample judges the steps, the others feed them
_FEW = 8  # below this many samples all do both


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


@dataclass(frozen=True, eq=False)
class _State:
    """A float graph, its statistics and its integer graph."""

    real: Graph
    stats: Stats
    ints: Graph


def quantize(graph: Graph, samples: FloatArray | Samples, recipe: Recipe,
             progress: Progress = lambda what, share: None) -> Quantized:
    """The integer graph of the simplified float `graph`, calibrated on real-valued `samples`.

    `samples` is (n, ...) for the first input, or one such array for each input. Every step of
    `recipe` is measured on every fourth sample, which the others do not see, and undone where it
    harms; then the ranges are taken from all samples. Raises DataError on samples that do not
    fit or are not finite.
    """
    data = _checked(graph, samples)
    fit, aside = _split(data)
    work = _Work(recipe, fit, aside, progress)
    start = work.state(unshare(graph), "observe")
    if not recipe.rollback:
        return _unmeasured(work, start)
    wanted = reference(start.real, aside)
    state, best = start, score(start.ints, aside, wanted)
    steps = [Step(f"round to nearest, {recipe.act_range.value} ranges", True, None, best)]
    for name, change in work.transforms():
        candidate = work.state(change(state), name)
        after = score(candidate.ints, aside, wanted)
        kept = after.sqnr_db > best.sqnr_db
        steps.append(Step(name, kept, best, after))
        if kept:
            state, best = candidate, after
    ints = state.ints
    if recipe.bias_correction is not BiasCorrection.OFF:
        corrected = work.corrected(state)
        after = score(corrected, aside, wanted)
        kept = after.sqnr_db > best.sqnr_db
        steps.append(Step(f"{recipe.bias_correction.value} bias correction", kept, best, after))
        if kept:
            ints, best = corrected, after
    return Quantized(ints, state.real, tuple(steps), best)


def _unmeasured(work: _Work, state: _State) -> Quantized:
    """All steps of the recipe in order, none measured."""
    steps = []
    for name, change in work.transforms():
        state = work.state(change(state), name)
        steps.append(Step(name, True, None, None))
    ints = state.ints
    if work.recipe.bias_correction is not BiasCorrection.OFF:
        ints = work.corrected(state)
        steps.append(Step(f"{work.recipe.bias_correction.value} bias correction", True, None, None))
    return Quantized(ints, state.real, tuple(steps), None)


@dataclass(frozen=True, eq=False)
class _Work:
    """What every step needs: recipe, samples, progress."""

    recipe: Recipe
    fit: Samples
    aside: Samples
    progress: Progress

    def state(self, real: Graph, what: str) -> _State:
        """`real` observed on the fitting samples and rounded to nearest."""
        total, done = len(self.fit[0]), 0

        def tick(n: int) -> None:
            nonlocal done
            done += n
            self.progress(what, done / total)

        stats = observe(real, self.fit, tick)
        ints = assign(real, choose_ranges(real, stats, self.recipe), self.recipe)
        return _State(real, stats, ints)

    def transforms(self) -> list[tuple[str, Callable[[_State], Graph]]]:
        """The recipe's changes of the float graph, in order."""
        found: list[tuple[str, Callable[[_State], Graph]]] = []
        kind = self.recipe.equalize
        if kind is not Equalize.OFF:
            found.append((f"equalization of {kind.value}",
                          lambda s: equalize(s.real, kind, s.stats.channels)))
        if self.recipe.absorb_bias:
            found.append(("bias absorption", lambda s: absorb_bias(s.real, s.stats.channels)))
        return found

    def corrected(self, state: _State) -> Graph:
        """The integer graph with corrected biases."""
        what, n = f"{self.recipe.bias_correction.value} bias correction", len(state.real.ops)
        if self.recipe.bias_correction is BiasCorrection.ANALYTIC:
            return correct_analytic(state.real, state.ints, self.fit)
        return correct_empirical(state.real, state.ints, self.fit,
                                 lambda i: self.progress(what, (i + 1) / n), self.recipe.compensate)


def _split(data: Samples) -> tuple[Samples, Samples]:
    """(samples that feed the steps, samples that judge them)."""
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
