"""Block-wise reconstruction: all layers of a block learn from the block's outputs together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.layers import is_mac
from edgeq.quant.adaround import Adam
from edgeq.quant.fisher import sensitivities
from edgeq.quant.gradients import differentiable
from edgeq.quant.params import fake_quantize
from edgeq.quant.segments import Segment, blocks, learnable_tail
from edgeq.quant.student import Kind, Student, Variables
from edgeq.run_op import takes_samples

Progress = Callable[[float], None]
Named = Mapping[str, FloatArray]  # arrays (n, ...) by tensor

_RATES = {Kind.ROUNDING: 3e-3, Kind.BIAS: 3e-3, Kind.WEIGHT: 3e-4, Kind.STEP: 1e-3,
          Kind.ZERO: 0.02}


@dataclass(frozen=True)
class Learning:
    """Settings of one run of gradient descent."""

    iterations: int = 200
    batch: int = 16  # samples an iteration
    kinds: tuple[Kind, ...] = tuple(Kind)  # what is learned
    rates: Mapping[Kind, float] = field(default_factory=lambda: dict(_RATES))  # Adam's
    checks: int = 8  # how often the error is measured on all samples
    hints: float = 0.5  # share of the loss that the blocks inside the network have
    fisher: bool = False  # weigh errors by what they do to the scores


# few variables that move little: the whole network's outputs are few numbers to learn from
END_TO_END = Learning(
    iterations=80, batch=8, kinds=(Kind.BIAS, Kind.WEIGHT, Kind.STEP, Kind.ZERO),
    rates={Kind.BIAS: 1e-3, Kind.WEIGHT: 1e-4, Kind.STEP: 3e-4, Kind.ZERO: 0.02})


def reconstruct(real: Graph, quantized: Graph, samples: Sequence[FloatArray], settings: Learning,
                rng: np.random.Generator, layers: frozenset[str] | None = None,
                progress: Progress = lambda share: None) -> Graph:
    """`quantized` with all that `settings` names learned block by block (BRECQ, Li et al. 2021).

    A block's inputs are those that the blocks before, already learned, give on the `samples`, its
    targets the values of the float graph `real`. A block whose outputs did not come nearer to
    these is left as it was, and so is one that holds a layer with weights not in `layers`.
    """
    parts = blocks(real)
    floats: dict[str, FloatArray] = dict(zip(real.ins, samples, strict=True))
    ints = {n: fake_quantize(x, quantized.tensor(n).params) for n, x in floats.items()}
    weights = sensitivities(real, floats, parts, rng) if settings.fisher else {}
    for i, part in enumerate(parts):
        wanted = _float_outputs(real, part, floats)
        student = Student(real, quantized, part, settings.kinds)
        free = layers is None or all(op.name in layers for op in part.ops if is_mac(op))
        if free and student.start and all(
                differentiable(op) and takes_samples(real, op) for op in part.ops):
            inputs = {n: ints[n] for n in part.ins}
            task = Task(student, inputs, wanted, weights, settings.batch)
            quantized = learned(task, settings, rng, guard=True)
            student = Student(real, quantized, part, ())
        ints |= outputs(student, {n: ints[n] for n in part.ins}, student.start, settings.batch)
        floats |= wanted
        used = {n for p in parts[i + 1:] for n in p.ins}
        floats, ints = ({n: x for n, x in d.items() if n in used} for d in (floats, ints))
        progress((i + 1) / len(parts))
    return quantized


def learn_steps(real: Graph, quantized: Graph, samples: Sequence[FloatArray], settings: Learning,
                rng: np.random.Generator, progress: Progress = lambda share: None) -> Graph:
    """`quantized` with variables learned from the outputs of the whole network at once.

    Steps and zero points of activations (Esser et al. 2020; Bhalgat et al. 2020), scales of weights
    and biases (Hubara et al. 2020): few numbers, so that few samples teach them. Where gradients
    do not reach the network's beginning, its end alone learns.
    """
    part = learnable_tail(real)
    if part is None:
        return quantized
    floats: dict[str, FloatArray] = dict(zip(real.ins, samples, strict=True))
    before = _before(real, part)
    inner = {n for block in blocks(real) for n in block.outs}
    made = [n for op in part.ops for n in op.outs if n in inner or n in part.outs]
    wanted = _float_outputs(real, Segment((*before.ops, *part.ops), real.ins, tuple(made)), floats)
    ints = {n: fake_quantize(x, quantized.tensor(n).params) for n, x in floats.items()}
    head = Student(real, quantized, before, ())
    inputs = ints | outputs(head, ints, {}, settings.batch) if before.ops else ints
    student = Student(real, quantized, part, settings.kinds)
    task = Task(student, {n: inputs[n] for n in part.ins}, wanted, {}, settings.batch)
    return learned(task, settings, rng, False, progress)


def _before(real: Graph, part: Segment) -> Segment:
    first = {op.name for op in part.ops}
    ops = []
    for op in real.ops:
        if op.name in first:
            break
        ops.append(op)
    return Segment(tuple(ops), real.ins, tuple(n for n in part.ins if n not in real.ins))


@dataclass(frozen=True, eq=False)
class Task:
    """What a student is to compute, and what counts how much."""

    student: Student
    inputs: Named
    wanted: Named  # of the segment's outputs, and of tensors inside
    weights: Named  # of the square errors of some of them
    batch: int

    def errors(self, rows: NDArray[np.int64], variables: Variables) -> dict[str, float]:
        """Mean square error on the samples `rows`, by tensor."""
        totals = dict.fromkeys(self.wanted, 0.0)
        for at in range(0, len(rows), self.batch):
            part = rows[at:at + self.batch]
            tape = self.student.forward({n: x[part] for n, x in self.inputs.items()}, variables)
            for name in totals:
                error = np.square(self.error(tape.values[name], name, part), dtype=np.float64)
                weight = self.weights[name][part] if name in self.weights else 1.0
                totals[name] += float((error * weight).mean()) * len(part) / len(rows)
        return totals

    def loss(self, rows: NDArray[np.int64], variables: Variables) -> float:
        """Mean square error of the segment's outputs on the samples `rows`."""
        errors = self.errors(rows, variables)
        return sum(errors[n] for n in self.student.part.outs)

    def error(self, got: FloatArray, name: str, rows: NDArray[np.int64]) -> FloatArray:
        """The error of one tensor."""
        return np.asarray(got - self.wanted[name][rows])

    def gradient(self, got: FloatArray, name: str, rows: NDArray[np.int64]) -> FloatArray:
        """The derivative of the mean square error of one tensor by that tensor."""
        error = self.error(got, name, rows) * np.float32(2 / got.size)
        return np.asarray(error * self.weights[name][rows] if name in self.weights else error)


def learned(task: Task, settings: Learning, rng: np.random.Generator, guard: bool,
            progress: Progress = lambda share: None) -> Graph:
    """The student's integer graph after learning.

    With `guard` it is the best of what was measured on the way, the start included; else the
    last, for others to judge: a start fitted to the same samples flatters itself.
    """
    student, rows = task.student, np.arange(len(next(iter(task.inputs.values()))))
    before = task.errors(rows, student.start)
    least = sum(before[name] for name in student.part.outs)
    best = student.start
    if least <= 0:
        return student.finish(best)
    every = max(1, settings.iterations // settings.checks)
    for t, variables in enumerate(_descended(task, rows, before, settings, rng), 1):
        if t % every and t < settings.iterations:
            continue
        progress(t / settings.iterations)
        now = task.loss(rows, variables) if guard else -t
        if now < least:
            best, least = variables, now
    return student.finish(best)


def _descended(task: Task, fit: NDArray[np.int64], before: Mapping[str, float],
               settings: Learning, rng: np.random.Generator) -> Iterator[Variables]:
    """The variables after each iteration; `before` are the errors at the start, by tensor.

    The loss is the sum of the errors, each in units of that at the start, so that it starts at 1.
    """
    student, order = task.student, np.zeros(0, np.int64)
    variables = dict(student.start)
    adams = {key: Adam(x.shape, settings.rates[key[0]]) for key, x in variables.items()}
    outs, hints = set(student.part.outs), len(before) - len(student.part.outs)
    factors = {n: ((1 - settings.hints if hints else 1) / len(outs) if n in outs else
                   settings.hints / hints) / max(unit, 1e-30) for n, unit in before.items()}
    for t in range(settings.iterations):
        if order.size < min(settings.batch, fit.size):
            order = rng.permutation(fit)
        rows, order = order[:settings.batch], order[settings.batch:]
        tape = student.forward({n: x[rows] for n, x in task.inputs.items()}, variables)
        grads = {n: np.float32(factor) * task.gradient(tape.values[n], n, rows)
                 for n, factor in factors.items()}
        pulled = student.backward(tape, grads, variables)
        share = 1.0 - t / settings.iterations
        variables = {key: x - adams[key].step(pulled[key], share) for key, x in variables.items()}
        yield variables


def outputs(student: Student, inputs: Named, variables: Variables,
            batch: int) -> dict[str, FloatArray]:
    """The quantized outputs of the segment, with integer weights."""
    n, parts = len(next(iter(inputs.values()))), list[Named]()
    for at in range(0, n, batch):
        rows = {name: x[at:at + batch] for name, x in inputs.items()}
        values = student.forward(rows, variables).values
        parts.append({name: values[name] for name in student.part.outs})
    return {name: np.concatenate([p[name] for p in parts]) for name in student.part.outs}


def _float_outputs(real: Graph, part: Segment, inputs: Named) -> dict[str, FloatArray]:
    """The float values of the segment's outputs."""
    sub = real.replace(ops=part.ops, ins=part.ins, outs=part.outs)
    n, parts = len(next(iter(inputs.values()))), list[Named]()
    for at in range(0, n, 16):
        rows = {name: inputs[name][at:at + 16] for name in part.ins}
        parts.append(run_float(sub, rows))
    return {name: np.concatenate([p[name] for p in parts]) for name in part.outs}
