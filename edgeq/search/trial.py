"""One recipe, tried: error on samples that did not feed it, bytes and instructions on the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.lower import lower
from edgeq.ops.softmax import Softmax
from edgeq.plan import Plan
from edgeq.quant import Progress, Quantized, quantize
from edgeq.quant.observe import batches
from edgeq.quant.simulate import measured, simulate, sqnr_db
from edgeq.recipe import Recipe
from edgeq.search.costs import instructions

_ASIDE = 4  # every fourth sample judges, the others feed
_FEW = 8  # below this many all do both
_CROSSED = 64  # below this many each fourth judges once: a quarter of them would tell too little
Samples = tuple[FloatArray, ...]
Labels = NDArray[np.int64] | None


@dataclass(frozen=True)
class Goal:
    """What the user asked for; None: no limit."""

    max_drop: float | None = None  # percentage points; without labels of answers that change
    max_flash: int | None = None  # bytes of code, weights and constants
    max_ram: int | None = None  # bytes of arena and stack
    max_instructions: int | None = None
    min_saving: float | None = None  # percent of the weight bytes of 8 bits, of mixed precision


NO_GOAL = Goal()


@dataclass(frozen=True)
class Trial:
    """What one recipe gives."""

    recipe: str  # its text
    name: str
    sqnr_db: float  # of the scores, on the samples set aside
    agreement: float  # fraction of answers that stay, there
    lost: int  # right answers lost there (without labels: answers changed); negative: won
    expected_drop: float  # fraction; see the function
    weight_bytes: int
    table_bytes: int
    arena_bytes: int
    code_bytes: int  # and stack: 0 where no compiler told
    stack_bytes: int
    instructions: int  # an estimate (costs.py)

    @property
    def flash_bytes(self) -> int:
        return self.weight_bytes + self.table_bytes + self.code_bytes

    @property
    def ram_bytes(self) -> int:
        return self.arena_bytes + self.stack_bytes

    def fits(self, goal: Goal) -> bool:
        """Whether the budgets of bytes and instructions hold."""
        return all(most is None or used <= most for used, most in (
            (self.flash_bytes, goal.max_flash), (self.ram_bytes, goal.max_ram),
            (self.instructions, goal.max_instructions)))


@dataclass(frozen=True, eq=False)
class Job:
    """What every trial of one search shares."""

    graph: Graph
    samples: Samples
    y: Labels
    target: Target
    goal: Goal
    code_size: Callable[[Plan], tuple[int, int]]  # (code, stack) bytes; zeros where unknown
    progress: Progress

    @property
    def classifies(self) -> bool:
        """Whether the largest output is an answer: there are labels, or a softmax at the end."""
        last = self.graph.producer(self.graph.outs[0])
        return self.y is not None or isinstance(last, Softmax)

    @property
    def asides(self) -> tuple[NDArray[np.bool_], ...]:
        """Which samples judge, (n,): of few samples each fourth in turn, else one fourth.

        A trial quantizes once for each of them, from the other samples (cross-validation).
        """
        n = len(self.samples[0])
        if n < _FEW:
            return (np.ones(n, np.bool_),)
        turns = range(_ASIDE - 1, -1, -1) if n < _CROSSED else (_ASIDE - 1,)
        return tuple(np.arange(n) % _ASIDE == turn for turn in turns)


def job_of(graph: Graph, samples: Mapping[str, FloatArray], y: Labels, target: Target, goal: Goal,
           code_size: Callable[[Plan], tuple[int, int]], progress: Progress) -> Job:
    """The job of a build on the real-valued `samples` by input name."""
    return Job(graph, tuple(samples[n] for n in graph.ins), y, target, goal, code_size, progress)


def quantized(job: Job, recipe: Recipe, turn: int = 0) -> Quantized:
    """The recipe applied to the samples that are not set aside in this turn."""
    aside = job.asides[turn]
    fit = aside if aside.all() else ~aside
    return quantize(job.graph, tuple(x[fit] for x in job.samples), recipe, job.progress)


def try_recipe(job: Job, recipe: Recipe, text: str, scores: FloatArray) -> Trial:
    """`recipe`, whose text is `text`, on the job; `scores` of `float_scores`."""
    graph, got, aside = _judged(job, recipe)
    want = scores[aside]
    answers = scores.argmax(1) if job.y is None else job.y
    several = scores.shape[1] > 1
    lost = int((want.argmax(1) == answers[aside]).sum() - (got.argmax(1) == answers[aside]).sum())
    margins = margin(scores, answers)
    moved = (margin(got, answers[aside]) - margins[aside]).astype(np.float64)
    loss = expected_drop(margins, float(np.sqrt(np.mean(moved**2))), job.y is not None)
    plan = lower(graph, job.target, "trial")
    code, stack = job.code_size(plan)
    blobs = {id(b.data): b for c in plan.calls for b in c.blobs}.values()
    weights = sum(b.nbytes for b in blobs if b.name == "weights")
    return Trial(
        text, recipe.name, sqnr_db(want, got),
        float(np.mean(want.argmax(1) == got.argmax(1))) if several else 1.0,
        lost if several else 0,
        loss if several else 0.0,
        weights, sum(b.nbytes for b in blobs) - weights, plan.placement.arena, code, stack,
        instructions(plan))


def _judged(job: Job, recipe: Recipe) -> tuple[Graph, FloatArray, NDArray[np.int64]]:
    """The integer graph of the first turn, the scores of all turns and whose they are."""
    graphs, parts, rows = list[Graph](), list[FloatArray](), list[NDArray[np.int64]]()
    for turn, aside in enumerate(job.asides):
        graphs.append(quantized(job, recipe, turn).graph)
        parts.append(_scores(graphs[-1], tuple(x[aside] for x in job.samples), simulated=True))
        rows.append(np.flatnonzero(aside))
    return graphs[0], np.concatenate(parts), np.concatenate(rows)


def float_scores(job: Job) -> FloatArray:
    """The float scores of all samples: (n, values)."""
    return _scores(job.graph, job.samples, simulated=False)


def _scores(graph: Graph, samples: Samples, simulated: bool) -> FloatArray:
    names = measured(graph)[:1]
    run = simulate if simulated else run_float
    parts = [run(graph, inputs, names)[names[0]] for inputs in batches(graph, samples)]
    return np.concatenate([p.reshape(len(p), -1) for p in parts])


def expected_drop(margins: FloatArray, deviation: float, labelled: bool) -> float:
    """The fraction of accuracy (without labels: of answers) that noise is expected to cost.

    A few samples set aside cannot show half a point of accuracy, but they show how much the margin
    (score of the right class less the best other one) moves: by a normal `deviation`. A sample of
    margin m then crosses the border with the probability Phi(-|m| / deviation). About as many
    become right as wrong, since margins near 0 are as frequent on both sides; what remains of it
    is chance. Half of those that become wrong are counted: between the average case, in which the
    others make up for them, and the worst.
    """
    scaled = np.abs(margins) / (max(deviation, 1e-12) * sqrt(2))
    crossing = float(np.mean([0.5 * erfc(float(m)) for m in scaled]))
    return crossing / 4 if labelled else crossing


def margin(scores: FloatArray, answers: NDArray[np.int64]) -> FloatArray:
    """The score of the right class less the largest of the others: (n,)."""
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, answers] = -np.inf
    return np.asarray(scores[rows, answers] - others.max(1))


def quiet(trial: Trial) -> tuple[float, float]:
    """The less noise, the larger: of a classifier on the margins, then on the scores."""
    return -trial.expected_drop, trial.sqnr_db


def meets(trial: Trial, goal: Goal) -> bool:
    """Whether the budgets and the loss of accuracy hold, as far as the samples can tell.

    The expected loss must be below the goal; and of the samples set aside no more than one
    beyond it may be lost.
    """
    if not trial.fits(goal):
        return False
    if goal.max_drop is None:
        return True
    return 100 * trial.expected_drop <= goal.max_drop and trial.lost <= 1


@dataclass(frozen=True)
class Outcome:
    """The recipe that was chosen and why; the trials are in the state."""

    recipe: Recipe
    notes: tuple[str, ...]


Try = Callable[[Recipe], Trial]
