"""The calibration doctor: what is suspicious about samples, their labels and preprocessing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeq.dataset import Dataset
from edgeq.doctor_trials import probabilities, trials
from edgeq.errors import DataError
from edgeq.execute import run_float
from edgeq.finding import Finding, Kind
from edgeq.ir import FloatArray, Graph
from edgeq.ops.base import Fixed
from edgeq.ops.softmax import Softmax
from edgeq.quant import ranges
from edgeq.quant.observe import Stats, batches, observe

FEW = 32  # fewer samples than this leave ranges to chance
TRIED = 256  # samples that the trials run
_TAIL = 99.9  # percent of the values that should set most of a range
_INPUT_TAIL, _LAYER_TAIL = 2.0, 8.0  # how much wider the rest may make it: inputs, layers
_SURE, _ALL_SURE = 0.9999, 0.9  # an answer this sure, in this share of samples, is suspicious
_TELLING = 0.05  # what answers must tell of the samples, of what they could
_NAMED = 3  # samples that hold the extremes of an input, in a finding
Floats = FloatArray


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
    seen = _look(data)
    found = list(_sample_findings(data, seen))
    data = _without(data, seen.bad)
    rows = _spread(len(data))
    inputs = dict(data.take(rows.tolist()).real())
    observed = data.take(np.union1d(rows, _widest(seen)).tolist()).real()
    stats = observe(graph, tuple(observed[n] for n in graph.ins))
    found += _outliers(graph, stats, seen)
    answers = _run(graph, inputs)
    found += _answers(graph, answers, data.y is not None)
    if data.y is not None and answers.shape[1] > 1:
        found += trials(data, rows, inputs, answers, partial(_run, graph))
    return Diagnosis(tuple(found), data)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What every single sample looks like; indices are those of the data as given."""

    bad: list[int]  # not finite
    constant: list[int]
    twins: list[int]  # equal to an earlier one
    kept: NDArray[np.int64]  # (m,) all that are finite
    ends: Mapping[str, NDArray[np.float64]]  # by input (m, 2): smallest and largest value of each


def _look(data: Dataset) -> _Seen:
    bad, constant, twins, kept = list[int](), list[int](), list[int](), list[int]()
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in data.x}
    known: set[bytes] = set()
    for i in range(len(data)):
        parts = {n: data.preprocess.apply(s.read(i, i + 1)) for n, s in data.x.items()}
        if not all(np.isfinite(p).all() for p in parts.values()):
            bad.append(i)
            continue
        kept.append(i)
        digest = hashlib.sha256()
        for name, p in parts.items():
            digest.update(p.tobytes())
            ends[name].append((float(p.min()), float(p.max())))
        if all(p.size > 1 and p.min() == p.max() for p in parts.values()):
            constant.append(i)
        if digest.digest() in known:
            twins.append(i)
        known.add(digest.digest())
    return _Seen(bad, constant, twins, np.array(kept, np.int64),
                 {n: np.array(e, np.float64).reshape(-1, 2) for n, e in ends.items()})


def _widest(seen: _Seen) -> NDArray[np.int64]:
    """The samples that set the range of an input, as rows of the finite ones."""
    rows = [row for e in seen.ends.values() for row in (e[:, 0].argmin(), e[:, 1].argmax())]
    return np.array(rows, np.int64)


def _sample_findings(data: Dataset, seen: _Seen) -> Iterator[Finding]:
    n, source = len(data), data.source
    bad, constant, twins = seen.bad, seen.constant, seen.twins
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


def _spread(n: int) -> NDArray[np.int64]:
    """At most TRIED of n samples, spread evenly."""
    return np.linspace(0, n - 1, min(n, TRIED)).astype(np.int64)


def _run(graph: Graph, inputs: Mapping[str, Floats]) -> Floats:
    """Output 0 as (n, values)."""
    parts = [run_float(graph, batch)[graph.outs[0]]
             for batch in batches(graph, [inputs[n] for n in graph.ins])]
    flat: Floats = np.concatenate([p.reshape(len(p), -1) for p in parts])
    return flat


def _outliers(graph: Graph, stats: Stats, seen: _Seen) -> Iterator[Finding]:
    """Tensors whose range is set by less than 0.1 % of their values; inputs, else layers."""
    of_input = False  # its outliers spread over the layers behind it
    for name in (t.name for t in graph.activations()):
        hist = stats.hists[name]
        producer = graph.producer(name)
        fixed = producer is not None and isinstance(producer.rule(), Fixed)
        if producer is not None and of_input:
            return
        if fixed or hist.total < 2000:
            continue
        low, high = ranges.percentile(hist, _TAIL)
        whole, most = hist.high - hist.low, high - low
        ratio = whole / most if most > 0 else 1.0
        if ratio > (_INPUT_TAIL if producer is None else _LAYER_TAIL):
            of_input = of_input or producer is None
            yield Finding(
                Kind.OUTLIERS, name, f"less than 0.1 % of the values set {100 - 100 / ratio:.0f} % "
                f"of the range: [{hist.low:.4g}, {hist.high:.4g}], all others in "
                f"[{low:.4g}, {high:.4g}]{_holders(seen, name, low, high)}",
                "look at these samples; a recipe with act_range = \"mse\" or \"percentile\" "
                "clips them")


def _holders(seen: _Seen, name: str, low: float, high: float) -> str:
    """Which samples hold values of the input `name` outside [low, high], the farthest first."""
    if name not in seen.ends:
        return ""
    ends = seen.ends[name]
    beyond = np.maximum(low - ends[:, 0], ends[:, 1] - high)
    order = np.argsort(-beyond, kind="stable")[:_NAMED]
    return f"; sample {', '.join(str(seen.kept[i]) for i in order if beyond[i] > 0)}"


def _answers(graph: Graph, answers: Floats, labelled: bool) -> Iterator[Finding]:
    """Outputs that say the same of everything, or are surer than they should be."""
    n, classes = answers.shape
    out = graph.outs[0]
    shares = isinstance(graph.producer(out), Softmax)
    if n < 8 or classes < 2 or not (shares or labelled):
        return
    chances = probabilities(answers)
    sure = float(np.mean(chances.max(1) > _SURE))
    if shares and sure > _ALL_SURE:
        yield Finding(Kind.SATURATED, out, f"{100 * sure:.0f} % of the answers are surer than "
                      f"{100 * _SURE:g} %: the output saturates",
                      "check the range of the input: it may be far larger than in training "
                      "(0 to 255 instead of 0 to 1?); see --scale and --offset")
    told, chosen = _told(chances), np.bincount(answers.argmax(1))
    if chosen.max() == n or told < _TELLING:
        yield Finding(Kind.ONE_ANSWER, out, f"class {int(chosen.argmax())} is the answer to "
                      f"{int(chosen.max())} of {n} samples, and the answers tell "
                      f"{100 * told:.1f} % of what they could",
                      "check the preprocessing, and that the samples differ")


def _told(chances: NDArray[np.float64]) -> float:
    """Mutual information of sample and answer (n, classes), of the most that it can be."""
    n, classes = chances.shape

    def entropy(p: NDArray[np.float64]) -> float:
        return float(-(p * np.log(np.maximum(p, 1e-12))).sum(-1).mean())

    return (entropy(chances.mean(0)) - entropy(chances)) / float(np.log(min(n, classes)))
