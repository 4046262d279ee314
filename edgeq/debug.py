"""Where quantization loses accuracy: every layer's error alone, accumulated, and at the output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.dataset import Dataset
from edgeq.debug_one import all_but, alone, for_float_inputs
from edgeq.evaluate import sqnr_db
from edgeq.execute import run_float, run_int, run_on
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.layers import is_mac, mac_view
from edgeq.ops.base import Op
from edgeq.quant import Progress, Quantized
from edgeq.quant.sensitivity import curvature
from edgeq.quant.simulate import measured

BINS = 40
SAMPLES = 32  # that the layers are measured on unless the user says otherwise
_BATCH_VALUES = 1 << 24  # activation values that are kept at once
Values = Mapping[str, FloatArray]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Histograms:
    """How often values fall into equal bins of [low, high]: float against integer."""

    low: float
    high: float
    real: tuple[int, ...]  # (BINS,)
    ints: tuple[int, ...]  # (BINS,)


@dataclass(frozen=True)
class LayerError:
    """One operator's output, integer against float; decibels are None where there is no error."""

    name: str
    op: str
    tensor: str
    weight_bits: int | None  # None without weights
    shape: tuple[int, ...]
    range: tuple[float, float]  # of the float values
    grid: tuple[float, float]  # smallest and largest real value that the integers can hold
    cumulative_db: float | None  # all operators up to here in integers
    isolated_db: float | None  # only this operator in integers
    mean_shift: float  # mean of integer - float, in standard deviations of float; cumulative
    clipped: float  # share of the float values that lie outside the grid
    output_db: float | None  # at the network's output, only this operator in integers
    agreement: float  # of the answers with float, only this operator in integers
    without_db: float | None  # at the network's output, all operators but this one in integers
    curvature_db: float | None  # what the curvature predicts for the weights' rounding; see below
    weights_db: float | None  # signal to noise of the weights; None without weights
    histograms: Histograms


@dataclass(frozen=True)
class LayerErrors:
    """Every operator in execution order, measured on `samples` samples."""

    samples: int
    layers: tuple[LayerError, ...]
    output_db: float | None  # all operators in integers, at what the ranking measures
    measured: str  # the tensor that `output_db` looks at: before a final softmax

    @property
    def ranking(self) -> tuple[LayerError, ...]:
        """Operators by the noise they alone put on the output, worst first."""
        noisy = [layer for layer in self.layers if layer.output_db is not None]
        return tuple(sorted(noisy, key=lambda layer: layer.output_db or 0.0))


def layer_errors(quantized: Quantized, data: Dataset, samples: int = SAMPLES,
                 progress: Progress = lambda what, share: None) -> LayerErrors:
    """The errors of every operator of `quantized` on the first `samples` samples of `data`.

    "Only this operator in integers" rounds the float inputs of one operator to their grids, runs
    it with `run_int`, and goes on in float: what the generated C adds at this place. A bias that
    was corrected for the errors of earlier layers is corrected for the float inputs instead.
    """
    real, ints = quantized.float_graph, quantized.graph
    count = min(samples, len(data))
    sums = {op.name: _Sums() for op in real.ops}
    ends = _extremes(real, data, count, progress)
    out, total = measured(real)[0], _Energy()
    own: dict[str, Graph] = {}  # by operator: the graph that it runs in alone
    first: Values = {}
    done = 0
    for batch in _batches(real, data, count):
        floats = run_float(real, batch, keep=[t.name for t in real.activations()])
        coded = {n: ints.tensor(n).params.quantize(x) for n, x in batch.items()}
        got = run_int(ints, coded, keep=[t.name for t in ints.activations()])
        reals = {n: ints.tensor(n).params.dequantize(q) for n, q in got.items()}
        total.add(floats[out], ints.tensor(out).params.dequantize(got[out]))
        first, n = first or floats, len(next(iter(batch.values())))
        for i, (op, int_op) in enumerate(zip(real.ops, ints.ops, strict=True)):
            name, s = op.outs[0], sums[op.name]
            s.add(floats[name], ints.tensor(name).params.dequantize(got[name]))
            s.count(floats[name], got[name], ints, name, ends[name])
            if op.name not in own:
                own[op.name] = for_float_inputs(real, ints, op, floats)
            made = floats if op.is_view else alone(own[op.name], int_op, floats)
            s.isolated.add(floats[name], made[name])
            s.others.add(floats[out], all_but(real, ints, i, floats, reals, out))
            changed = {n: made[n] for n in op.outs}
            s.output.add(floats[out], run_on(real, i, floats, changed, out))
            progress("measure each layer", (done + n * (i + 1) / len(real.ops)) / count)
        done += n
    proxies = _proxies(quantized, first, out)
    layers = tuple(_layer(ints, op, sums[op.name], ends[op.outs[0]],
                          proxies.get(op.name, (None, None))) for op in ints.ops)
    return LayerErrors(count, layers, sqnr_db(total.signal, total.noise), out)


class _Energy:
    """Sums over all batches of one tensor, float against `got`."""

    def __init__(self) -> None:
        self.signal = self.noise = self.sum = self.shift = 0.0
        self.values = self.samples = self.same = 0

    def add(self, want: FloatArray, got: FloatArray) -> None:
        """One batch of values (n, ...)."""
        w = want.astype(np.float64)
        error = got.astype(np.float64) - w
        self.signal += float(np.vdot(w, w))
        self.noise += float(np.vdot(error, error))
        self.sum += float(w.sum())
        self.shift += float(error.sum())
        self.values += w.size
        self.samples += len(w)
        a, b = w.reshape(len(w), -1), got.reshape(len(w), -1)
        self.same += int((a.argmax(1) == b.argmax(1)).sum())

    @property
    def decibel(self) -> float | None:
        return sqnr_db(self.signal, self.noise)


class _Sums(_Energy):
    """The same for one operator, with histograms and what it does alone."""

    def __init__(self) -> None:
        super().__init__()
        self.clipped = 0
        self.real: Counts = np.zeros(BINS, np.int64)
        self.ints: Counts = np.zeros(BINS, np.int64)
        self.isolated, self.output, self.others = _Energy(), _Energy(), _Energy()

    def count(self, want: FloatArray, q: IntArray, ints: Graph, name: str,
              ends: tuple[float, float]) -> None:
        """Histogram and clipping of one batch."""
        params = ints.tensor(name).params
        low, high = grid(ints, name)
        half = float(params.scale) / 2
        self.clipped += int(((want < low - half) | (want > high + half)).sum())
        self.real += _histogram(want, ends)
        self.ints += _histogram(params.dequantize(q), ends)


def grid(ints: Graph, name: str) -> tuple[float, float]:
    """The smallest and largest real value of the activation `name`."""
    q = ints.tensor(name).params
    return float(q.scale) * (q.qmin - int(q.zero)), float(q.scale) * (q.qmax - int(q.zero))


def _histogram(x: FloatArray, ends: tuple[float, float]) -> Counts:
    low, high = ends
    index = ((x.reshape(-1) - low) * (BINS / (high - low))).astype(np.int64)
    return np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS)


Proxies = tuple[float | None, float | None]  # decibels: by curvature, of the weights


def _proxies(quantized: Quantized, floats: Values, out: str) -> dict[str, Proxies]:
    """What two cheap measures say of each layer's weights.

    By curvature: trace of the Gauss-Newton matrix, a weight, times the square of what rounding
    changed, as noise on the scores.
    """
    real, ints = quantized.float_graph, quantized.graph
    energy, rng = float(np.square(floats[out], dtype=np.float64).sum()), np.random.default_rng(0)
    found: dict[str, Proxies] = {}
    for i, op in enumerate(real.ops):
        if is_mac(op):
            weight = mac_view(real, op).weight.astype(np.float64)
            got = ints.tensor(op.ins[1]).params.dequantize(ints.integers(op.ins[1]))
            change = float(np.square(got - weight).sum())
            predicted = curvature(real, i, floats, out, rng) / weight.size * change
            found[op.name] = (sqnr_db(energy, predicted),
                              sqnr_db(float(np.square(weight).sum()), change))
    return found


def _layer(ints: Graph, op: Op, s: _Sums, ends: tuple[float, float],
           proxies: Proxies) -> LayerError:
    name = op.outs[0]
    mean = s.sum / s.values
    spread = float(np.sqrt(max(s.signal / s.values - mean**2, 0.0)))
    bits = ints.tensor(op.ins[1]).params.bits if is_mac(op) else None
    return LayerError(
        op.name, type(op).__name__, name, bits, ints.tensor(name).shape, ends,
        grid(ints, name), s.decibel, s.isolated.decibel,
        s.shift / s.values / spread if spread > 0 else 0.0, s.clipped / s.values,
        s.output.decibel, s.output.same / max(1, s.output.samples), s.others.decibel, *proxies,
        Histograms(*ends, tuple(map(int, s.real)), tuple(map(int, s.ints))))


def _extremes(real: Graph, data: Dataset, count: int, progress: Progress
              ) -> dict[str, tuple[float, float]]:
    """Extremes of the float values by name; never an empty interval."""
    ends: dict[str, tuple[float, float]] = {}

    def see(name: str, x: FloatArray) -> None:
        low, high = ends.get(name, (np.inf, -np.inf))
        ends[name] = min(low, float(x.min())), max(high, float(x.max()))

    done = 0
    for batch in _batches(real, data, count):
        run_float(real, batch, keep=(), on_tensor=see)
        done += len(next(iter(batch.values())))
        progress("find ranges", done / count)
    return {n: (low, high) if high > low else (low - 0.5, low + 0.5)
            for n, (low, high) in ends.items()}


def _batches(graph: Graph, data: Dataset, count: int) -> Iterator[dict[str, FloatArray]]:
    """The first `count` samples in runs whose activations fit in memory together."""
    step = max(1, _BATCH_VALUES // max(1, sum(t.size for t in graph.activations())))
    for start in range(0, count, step):
        yield dict(data.real(start, min(start + step, count)))

