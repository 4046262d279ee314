"""The calibration doctor: what is suspicious about samples, their labels and preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from edgeq.dataset import Dataset
from edgeq.errors import DataError
from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.ops.base import Fixed
from edgeq.ops.softmax import Softmax
from edgeq.quant import ranges
from edgeq.quant.observe import Stats, batches, observe

FEW = 32  # fewer samples than this leave ranges to chance
TRIED = 128  # samples that the trials run
_TAIL = 99.9  # percent of the values that should set most of a range
_INPUT_TAIL, _LAYER_TAIL = 2.0, 8.0  # how much wider the rest may make it: inputs, layers
_SURE, _ALL_SURE = 0.9999, 0.9  # an answer this sure, in this share of samples, is suspicious
_BETTER, _SIGMAS = 0.1, 3.0  # accuracy that a trial must gain, as a fraction and beyond chance
Floats = FloatArray


class Kind(Enum):
    """What a finding is about; the values are what JSON shows."""

    NOT_FINITE = "not finite"
    FEW_SAMPLES = "few samples"
    CONSTANT = "constant samples"
    DUPLICATES = "duplicates"
    INPUT_RANGE = "input range"
    CHANNEL_ORDER = "channel order"
    LABEL_OFFSET = "label offset"
    OUTLIERS = "outliers"
    SATURATED = "saturated outputs"
    ONE_ANSWER = "one answer"


@dataclass(frozen=True)
class Finding:
    """One suspicion: what was seen and what to do about it."""

    kind: Kind
    where: str  # the data, an input or a tensor
    text: str
    fix: str


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found, and the samples that can be worked with."""

    findings: tuple[Finding, ...]
    data: Dataset  # without the samples that are not finite


def examine(graph: Graph, data: Dataset) -> Diagnosis:
    """Every suspicion about `data` as input of the float `graph`.

    Samples that hold NaN or infinities are reported and left out. Raises DataError where no
    sample remains.
    """
    bad, constant, twins = _samples(data)
    found = list(_sample_findings(data, bad, constant, twins))
    data = _without(data, bad)
    inputs = _first(data)
    stats = observe(graph, tuple(inputs[n] for n in graph.ins))
    found += _outliers(graph, stats)
    answers = _run(graph, inputs)
    found += _answers(graph, answers)
    if data.y is not None and answers.shape[1] > 1:
        found += _trials(graph, data, inputs, answers)
    return Diagnosis(tuple(found), data)


def _samples(data: Dataset) -> tuple[list[int], list[int], list[int]]:
    """Indices of samples that are not finite, constant, and equal to an earlier one."""
    bad, constant, twins = [], [], []
    seen: set[bytes] = set()
    for i in range(len(data)):
        parts = [data.preprocess.apply(s.read(i, i + 1)) for s in data.x.values()]
        if not all(np.isfinite(p).all() for p in parts):
            bad.append(i)
            continue
        if all(p.size > 1 and p.min() == p.max() for p in parts):
            constant.append(i)
        key = b"".join(p.tobytes() for p in parts)
        if key in seen:
            twins.append(i)
        seen.add(key)
    return bad, constant, twins


def _sample_findings(data: Dataset, bad: list[int], constant: list[int],
                     twins: list[int]) -> Iterator[Finding]:
    n, source = len(data), data.source
    if bad:
        yield Finding(Kind.NOT_FINITE, source, f"{_count(bad, n)} hold NaN or an infinity",
                      "remove or repair them; `edgeq build` refuses such data")
    if n - len(bad) < FEW:
        yield Finding(Kind.FEW_SAMPLES, source, f"{n - len(bad)} samples to calibrate with",
                      f"give at least {FEW}, better some hundred, of every kind that occurs")
    if constant:
        yield Finding(Kind.CONSTANT, source, f"{_count(constant, n)} hold one value everywhere",
                      "look for failed recordings or pictures that were not read")
    if twins:
        yield Finding(Kind.DUPLICATES, source, f"{_count(twins, n)} equal an earlier one",
                      "remove them: they add weight, but no information")


def _count(indices: list[int], n: int) -> str:
    shown = ", ".join(map(str, indices[:5])) + (", …" if len(indices) > 5 else "")
    return f"{len(indices)} of {n} samples (index {shown})"


def _without(data: Dataset, bad: list[int]) -> Dataset:
    """`data` less the samples `bad`; raises DataError where none is left."""
    if not bad:
        return data
    rows = np.setdiff1d(np.arange(len(data)), bad)
    if not len(rows):
        raise DataError(data.source, "every sample holds NaN or an infinity", "finite numbers",
                        "repair the samples")
    return data.take(rows.tolist())


def _first(data: Dataset) -> dict[str, Floats]:
    """At most TRIED samples, spread evenly over `data`."""
    return dict(data.take(_spread(len(data)).tolist()).real())


def _spread(n: int) -> NDArray[np.int64]:
    return np.linspace(0, n - 1, min(n, TRIED)).astype(np.int64)


def _run(graph: Graph, inputs: Mapping[str, Floats]) -> Floats:
    """Output 0 as (n, values)."""
    parts = [run_float(graph, batch)[graph.outs[0]]
             for batch in batches(graph, [inputs[n] for n in graph.ins])]
    flat: Floats = np.concatenate([p.reshape(len(p), -1) for p in parts])
    return flat


def _outliers(graph: Graph, stats: Stats) -> Iterator[Finding]:
    """Tensors whose range is set by less than 0.1 % of their values."""
    for name in (t.name for t in graph.activations()):
        hist = stats.hists[name]
        producer = graph.producer(name)
        fixed = producer is not None and isinstance(producer.rule(), Fixed)
        if fixed or hist.total < 2000:
            continue
        low, high = ranges.percentile(hist, _TAIL)
        whole, most = hist.high - hist.low, high - low
        ratio = whole / most if most > 0 else 1.0
        if ratio > (_INPUT_TAIL if producer is None else _LAYER_TAIL):
            yield Finding(
                Kind.OUTLIERS, name, f"less than 0.1 % of the values set {100 - 100 / ratio:.0f} % "
                f"of the range: [{hist.low:.4g}, {hist.high:.4g}], all others in "
                f"[{low:.4g}, {high:.4g}]",
                "look at these samples; a recipe with act_range = \"mse\" or \"percentile\" "
                "clips them")


def _answers(graph: Graph, answers: Floats) -> Iterator[Finding]:
    """Outputs that say the same of everything, or are surer than they should be."""
    n, classes = answers.shape
    out = graph.outs[0]
    if n < 8 or classes < 2:
        return
    if isinstance(graph.producer(out), Softmax):
        share = float(np.mean(answers.max(1) > _SURE))
        if share > _ALL_SURE:
            yield Finding(Kind.SATURATED, out, f"{100 * share:.0f} % of the answers are surer than "
                          f"{100 * _SURE:g} %: the output saturates",
                          "check the range of the input: it may be far larger than in training "
                          "(0 to 255 instead of 0 to 1?); see --scale and --offset")
    chosen = np.bincount(answers.argmax(1))
    if chosen.max() == n:
        yield Finding(Kind.ONE_ANSWER, out, f"class {int(chosen.argmax())} is the answer to all "
                      f"{n} samples", "check the preprocessing, and that the samples differ")


Change = Callable[[Floats], Floats]
_RANGES: tuple[tuple[str, Change], ...] = (
    ("divided by 255", lambda x: x / np.float32(255)),
    ("divided by 127.5, less 1", lambda x: x / np.float32(127.5) - 1),
    ("less 128", lambda x: x - 128),
    ("divided by 16", lambda x: x / np.float32(16)),
    ("times 255", lambda x: x * np.float32(255)),
    ("times 16", lambda x: x * np.float32(16)),
    ("times 2, less 1 (from 0..1 to -1..1)", lambda x: x * 2 - 1),
    ("plus 1, halved (from -1..1 to 0..1)", lambda x: (x + 1) / 2),
    ("plus 1, times 127.5 (from -1..1 to 0..255)", lambda x: (x + 1) * np.float32(127.5)),
)


def _trials(graph: Graph, data: Dataset, inputs: Mapping[str, Floats],
            answers: Floats) -> Iterator[Finding]:
    """Changes of input and labels with which the float network is clearly more often right."""
    assert data.y is not None
    y = data.y[_spread(len(data))]
    chosen = answers.argmax(1)
    base = float(np.mean(chosen == y))
    shifts = [(k, float(np.mean(chosen == y + k))) for k in (-1, 1)]
    k, right = max(shifts, key=lambda pair: pair[1])
    if _clearly(base, right, len(y)):
        yield Finding(Kind.LABEL_OFFSET, data.source, f"labels {k:+d} are right for "
                      f"{100 * right:.1f} % of the samples, as given for {100 * base:.1f} %",
                      f"--label-offset {data.preprocess.label_offset + k}")
        return
    if len(graph.ins) != 1 or base > 1 - _BETTER:
        return
    (name,) = graph.ins

    def accuracy(x: Floats) -> float:
        return float(np.mean(_run(graph, {name: x}).argmax(1) == y))

    x = inputs[name]
    what, right = max(((what, accuracy(change(x))) for what, change in _RANGES),
                      key=lambda pair: pair[1])
    if _clearly(base, right, len(y)):
        yield Finding(Kind.INPUT_RANGE, name, f"values lie in [{x.min():.4g}, {x.max():.4g}] and "
                      f"{100 * base:.1f} % of the answers are right; {what}: {100 * right:.1f} %",
                      "set --scale and --offset as in training")
    if x.ndim == 4 and x.shape[-1] == 3:
        right = accuracy(np.ascontiguousarray(x[..., ::-1]))
        if _clearly(base, right, len(y)):
            yield Finding(Kind.CHANNEL_ORDER, name, "with channels in reverse order (RGB for BGR) "
                          f"{100 * right:.1f} % of the answers are right, as given "
                          f"{100 * base:.1f} %", "save the samples with their channels reversed")


def _clearly(base: float, other: float, n: int) -> bool:
    """True where `other` is better than `base` beyond chance on `n` samples."""
    spread = np.sqrt((base * (1 - base) + other * (1 - other)) / n)
    return bool(other - base > max(_BETTER, _SIGMAS * spread))
