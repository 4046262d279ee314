"""A short training of the integers towards the float model's scores, without or with labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from edgeq.errors import DataError, UsageError
from edgeq.ir import FloatArray
from edgeq.ops.softmax import Softmax
from edgeq.qat.functional import Value
from edgeq.qat.model import QatModel
from edgeq.quant import Progress, Quantized, Step
from edgeq.quant.simulate import measured, reference, score

_ASIDE = 5  # every fifth sample is not trained on and judges the epochs


@dataclass(frozen=True)
class Tuning:
    """How `finetune` trains."""

    epochs: int = 10
    batch: int = 32
    rate: float = 1e-3  # Adam's step on weights and biases, relative to the mean |weight| of each
    scale_rate: float = 1e-4  # on the logarithms of scales
    distill: float = 1.0  # share of the float model's scores in the loss, the rest are the labels
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (("epochs", self.epochs, 0), ("batch", self.batch, 1)):
            if value < least:
                raise UsageError(f"Tuning.{name}", f"{value}", f"at least {least}", "")
        if not 0.0 <= self.distill <= 1.0:
            raise UsageError("Tuning.distill", f"{self.distill}", "0 to 1", "")


@dataclass(frozen=True)
class Epoch:
    """The loss on the samples set aside, after so many epochs."""

    number: int
    loss: float


def finetune(model: QatModel, samples: FloatArray | Sequence[FloatArray],
             labels: NDArray[np.integer] | None = None, tuning: Tuning | None = None,
             progress: Callable[[Epoch], None] = lambda epoch: None) -> tuple[Epoch, ...]:
    """Train `model` in place, keep its best epoch, maybe the beginning, and return all losses.

    `samples` are real inputs (n, ...) as for `quantize`, `labels` (n,) class numbers. The loss is
    the Kullback-Leibler divergence from the float model's classes where the scores feed a softmax
    (Hinton et al. 2015), else the square error relative to the scores' power; with labels a share
    of 1 - distill is cross entropy. Same inputs and seed, same result. Raises DataError on
    samples or labels that do not fit.
    """
    how = tuning or Tuning()
    xs = tuple(np.asarray(x, np.float32)
               for x in ((samples,) if isinstance(samples, np.ndarray) else samples))
    n = len(xs[0])
    _check(n, labels, how)
    graph = model.start.float_graph
    wanted = tuple(torch.from_numpy(np.ascontiguousarray(w)) for w in reference(graph, xs))
    classes = any(isinstance(op, Softmax) and op.ins[0] in measured(graph) for op in graph.ops)
    task = _Task(tuple(torch.from_numpy(x) for x in xs), wanted,
                 None if labels is None else torch.from_numpy(np.asarray(labels, np.int64)),
                 classes, how)
    rng = np.random.default_rng(how.seed)
    fit, aside = _split(n)
    return _train(model, task, fit, aside, rng, progress)


def finetuned(start: Quantized, samples: FloatArray | Sequence[FloatArray], tuning: Tuning,
              progress: Progress = lambda what, share: None) -> Quantized:
    """`start` after fine-tuning, with a step that says what it did to the samples set aside.

    Where no epoch is nearer to the float model than the beginning, the integers are those of
    `start` and the step counts as rolled back.
    """
    xs = (samples,) if isinstance(samples, np.ndarray) else tuple(samples)
    what = f"fine-tuning, {tuning.epochs} epochs"
    model = QatModel(start)
    epochs = finetune(model, xs, tuning=tuning,
                      progress=lambda e: progress(what, e.number / max(1, tuning.epochs)))
    _, aside = _split(len(xs[0]))
    judges = [np.asarray(x)[aside] for x in xs]
    wanted = reference(start.float_graph, judges)
    before, after = (score(g, judges, wanted) for g in (start.graph, model.integers()))
    kept = min(e.loss for e in epochs) < epochs[0].loss
    step = Step(what, kept, before, after)
    return replace(start, graph=model.integers(), steps=(*start.steps, step), score=after)


def _split(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(samples to train on, samples that judge); few samples do both."""
    aside = np.arange(n) % _ASIDE == _ASIDE - 1
    if n < 2 * _ASIDE:
        return np.arange(n), np.arange(n)
    return np.flatnonzero(~aside), np.flatnonzero(aside)


@dataclass(frozen=True, eq=False)
class _Task:
    """Samples, what is wanted of them, and how far a model is from that."""

    inputs: tuple[Value, ...]
    wanted: tuple[Value, ...]
    labels: Value | None
    classes: bool
    how: Tuning

    def loss(self, model: QatModel, rows: NDArray[np.intp]) -> Value:
        """The mean loss over the samples `rows`."""
        at = torch.from_numpy(rows)
        got = model(*(x[at] for x in self.inputs))
        outs = got if isinstance(got, tuple) else (got,)
        share = 1.0 if self.labels is None else self.how.distill
        total = torch.zeros(())
        for out, want in zip(outs, self.wanted, strict=True):
            total = total + share * self._distance(out.reshape(len(rows), -1),
                                                   want[at].reshape(len(rows), -1), want)
        if share < 1.0:
            scores = outs[0].reshape(len(rows), -1)
            total = total + (1 - share) * torch.nn.functional.cross_entropy(
                scores, self.labels[at])  # type: ignore[index]
        return total

    def _distance(self, got: Value, want: Value, every: Value) -> Value:
        if self.classes:
            return torch.nn.functional.kl_div(
                torch.log_softmax(got, 1), torch.log_softmax(want, 1), log_target=True,
                reduction="batchmean")
        return ((got - want) ** 2).mean() / (every**2).mean().clamp_min(1e-30)


def _train(model: QatModel, task: _Task, fit: NDArray[np.intp], aside: NDArray[np.intp],
           rng: np.random.Generator, progress: Callable[[Epoch], None]) -> tuple[Epoch, ...]:
    how = task.how
    groups = [{"params": [p], "lr": how.rate * max(float(p.detach().abs().mean()), 1e-8)}
              for name, p in model.named_parameters() if not name.startswith("log_scale")]
    scales = [p for name, p in model.named_parameters() if name.startswith("log_scale")
              and p.requires_grad]
    if scales:
        groups.append({"params": scales, "lr": how.scale_rate})
    adam = torch.optim.Adam(groups)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(1, how.epochs))
    epochs = [Epoch(0, _evaluated(model, task, aside))]
    progress(epochs[0])
    best = deepcopy(model.state_dict())
    for number in range(1, how.epochs + 1):
        order = rng.permutation(fit)
        for start in range(0, len(order), how.batch):
            adam.zero_grad()
            task.loss(model, order[start:start + how.batch]).backward()
            adam.step()
        decay.step()
        epochs.append(Epoch(number, _evaluated(model, task, aside)))
        progress(epochs[-1])
        if epochs[-1].loss < min(e.loss for e in epochs[:-1]):
            best = deepcopy(model.state_dict())
    model.load_state_dict(best)
    return tuple(epochs)


def _evaluated(model: QatModel, task: _Task, rows: NDArray[np.intp]) -> float:
    """The loss on `rows`, batch by batch."""
    with torch.no_grad():
        parts = [rows[i:i + task.how.batch] for i in range(0, len(rows), task.how.batch)]
        return sum(float(task.loss(model, part)) * len(part) for part in parts) / len(rows)


def _check(n: int, labels: NDArray[np.integer] | None, how: Tuning) -> None:
    if n == 0:
        raise DataError("samples", "none", "at least one", "give more samples")
    if labels is not None and len(labels) != n:
        raise DataError("labels", f"{len(labels)} for {n} samples", "one label a sample",
                        "check the data")
    if labels is None and how.distill < 1.0:
        raise UsageError("Tuning.distill", f"{how.distill} without labels", "1",
                         "give labels, or leave distill at 1")
