"""Changes of samples and labels with which the float network is clearly more often right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.dataset import Dataset
from edgeq.finding import Finding, Kind
from edgeq.ir import FloatArray
from edgeq.usual_scaling import Change, changes

_GAIN = 0.05  # of the answers that a change must set right
_SIGMAS = 3.0  # by which it must be beyond chance
_HINT = 1.0  # the same for right answers alone, where their probabilities have those three
_SCREEN, _FINALISTS = 48, 3  # samples that all scalings are tried on; those judged by all
_ENOUGH, _GUESS = 16, 2.0  # samples that tell guessing from knowing, by so many deviations
Run = Callable[[Mapping[str, FloatArray]], FloatArray]  # output 0 as (n, classes)
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Judged:
    """How the answers to some samples agree with their labels."""

    right: NDArray[np.bool_]  # (n,)
    trust: NDArray[np.float64]  # (n,) probability of the label

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def percent(self) -> str:
        return f"{100 * self.accuracy:.1f} %"


def judged(answers: FloatArray, y: Labels) -> Judged:
    """The answers (n, classes) as probabilities or scores, by the labels."""
    n, classes = answers.shape
    chances = probabilities(answers)
    known = (y >= 0) & (y < classes)
    trust = np.where(known, chances[np.arange(n), np.clip(y, 0, classes - 1)], 0.0)
    return Judged(answers.argmax(1) == y, trust)


def probabilities(answers: FloatArray) -> NDArray[np.float64]:
    """The rows where they are probabilities already, else their softmax."""
    rows = answers.astype(np.float64)
    if rows.min() >= 0 and np.allclose(rows.sum(1), 1.0, atol=0.05):
        return rows
    powers = np.exp(rows - rows.max(1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return shares


def clearly_better(other: Judged, base: Judged) -> bool:
    """Whether `other` is right more often on the same samples, beyond chance.

    Either by McNemar's test on the answers that change, or, for few samples, by the paired
    t-test on the probability of the label while the right answers point the same way.
    """
    won = int((other.right & ~base.right).sum())
    lost = int((base.right & ~other.right).sum())
    if won - lost < max(2.0, _GAIN * len(base.right)):
        return False
    by_answers = (won - lost) / np.sqrt(won + lost)
    change = other.trust - base.trust
    spread = float(change.std()) / np.sqrt(len(change))
    by_trust = float(change.mean()) / max(spread, 1e-12)
    return bool(by_answers >= _SIGMAS or (by_answers >= _HINT and by_trust >= _SIGMAS))


def trials(data: Dataset, rows: NDArray[np.int64], inputs: Mapping[str, FloatArray],
           answers: FloatArray, run: Run) -> Iterator[Finding]:
    """Findings about labels, range and channels from the samples `rows` of `data`.

    `inputs` are these samples, `answers` what the float network `run` says to them.
    """
    assert data.y is not None
    y = data.y[rows]
    base = judged(answers, y)
    shifts = {k: judged(answers, y + k) for k in (-1, 1)}
    k = max(shifts, key=lambda k: shifts[k].accuracy)
    if clearly_better(shifts[k], base):
        yield Finding(Kind.LABEL_OFFSET, data.source, f"labels {k:+d} are right for "
                      f"{shifts[k].percent} of the samples, as given for {base.percent}",
                      f"--label-offset {data.preprocess.label_offset + k}")
        return
    found = list(_of_the_input(data, y, inputs, base, run)) if len(inputs) == 1 else []
    yield from found
    if not found:
        yield from _guessing(data, y, answers, base)


def _of_the_input(data: Dataset, y: Labels, inputs: Mapping[str, FloatArray], base: Judged,
                  run: Run) -> Iterator[Finding]:
    ((name, x),) = inputs.items()
    if base.accuracy > 1 - _GAIN:
        return

    def accuracy(samples: FloatArray, labels: Labels) -> Judged:
        return judged(run({name: samples}), labels)

    change, better = _best_scaling(x, y, accuracy)
    if clearly_better(better, base):
        yield Finding(Kind.INPUT_RANGE, name, f"values lie in [{x.min():.4g}, {x.max():.4g}] and "
                      f"{base.percent} of the answers are right; {change.name}: {better.percent}",
                      f"scale the samples as in training: {change.after(data.preprocess)}")
        x, base = change.on(x), better
    if x.ndim == 4 and x.shape[-1] == 3:
        better = accuracy(np.ascontiguousarray(x[..., ::-1]), y)
        if clearly_better(better, base):
            yield Finding(Kind.CHANNEL_ORDER, name, "with channels in reverse order (RGB for BGR) "
                          f"{better.percent} of the answers are right, as given {base.percent}",
                          "save the samples with their channels reversed")


def _best_scaling(x: FloatArray, y: Labels,
                  accuracy: Callable[[FloatArray, Labels], Judged]) -> tuple[Change, Judged]:
    """The change that is right most often on some samples, and how it does on all."""
    some = np.linspace(0, len(x) - 1, min(len(x), _SCREEN)).astype(np.int64)

    def rank(change: Change) -> tuple[float, float]:
        seen = accuracy(change.on(x[some]), y[some])
        return seen.accuracy, float(seen.trust.mean())

    finalists = sorted(changes(x), key=rank, reverse=True)[:_FINALISTS]
    tried = [(change, accuracy(change.on(x), y)) for change in finalists]
    return max(tried, key=lambda pair: (pair[1].accuracy, float(pair[1].trust.mean())))


def _guessing(data: Dataset, y: Labels, answers: FloatArray, base: Judged) -> Iterator[Finding]:
    """Answers that agree with the labels no more often than independent ones would."""
    n, chosen = len(y), answers.argmax(1)
    chance = float(sum(np.mean(y == c) * np.mean(chosen == c) for c in np.unique(chosen)))
    beyond = _GUESS * np.sqrt(chance * (1 - chance) / n)
    if n < _ENOUGH or len(np.unique(y)) < 2 or base.accuracy > chance + beyond:
        return
    yield Finding(Kind.GUESSING, data.source, f"{base.percent} of the float network's answers are "
                  f"right, chance alone gives {100 * chance:.1f} %",
                  "check preprocessing and labels: nothing that is usual explains it")
