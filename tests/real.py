"""The real models with their data, and what quantization costs on them (run_int, exact)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgeq.dataset import Preprocess, load_dataset
from edgeq.execute import run_float, run_int
from edgeq.host import HostModel
from edgeq.ir import Graph, IntArray, Tensor
from edgeq.layers import act_of, mac_view
from edgeq.ops.base import Act
from edgeq.passes import simplify
from edgeq.passes.equalize import pairs
from edgeq.quant.simulate import Score, compare, measured
from edgeq.readers import read

BATCH = 20


@dataclass(frozen=True)
class Case:
    """A model below shared/models, its data below shared/data and their preprocessing."""

    model: str
    calib: str = ""
    evaluation: str = ""
    preprocess: Preprocess = field(default_factory=Preprocess)


CASES = {
    "kws": Case("mlperf_kws_float32", "mlperf_kws_calib.npz", "mlperf_kws_eval.npz"),
    "ic": Case("mlperf_ic_float32", "cifar10_calib.npz", "cifar10_eval.npz"),
    "vww": Case("mlperf_vww_float32", "vww_calib.npz", "vww_eval.npz",
                Preprocess(scale=(1 / 255,))),
    "mobilenet": Case("mobilenet_v1_025_224_float32", "imagenet_calib", "imagenet_eval",
                      Preprocess(scale=(1 / 127.5,), offset=(-1.0,), label_offset=1)),
    "ad": Case("mlperf_ad_float32"),
}


@dataclass(frozen=True, eq=False)
class Loaded:
    """A simplified float graph with real-valued samples; `y` is None without labels."""

    graph: Graph
    calib: np.ndarray
    x: np.ndarray
    y: np.ndarray | None


def load(name: str, shared: Callable[[str], Path]) -> Loaded:
    """The case `name`; `shared` gives the path of a file of the real models and data."""
    case = CASES[name]
    graph = simplify(read(shared(f"models/{case.model}.tflite")))
    if not case.calib:
        return Loaded(graph, spectra(200, 0), spectra(200, 1), None)
    parts = [load_dataset(str(shared(f"data/{part}")), case.preprocess, graph)
             for part in (case.calib, case.evaluation)]
    calib, x = (part.real()[graph.ins[0]] for part in parts)
    return Loaded(graph, calib, x, parts[1].y)


def spectra(n: int, seed: int) -> np.ndarray:
    """Inputs like the anomaly detector's: five frames of 128 log-mel energies in dB, (n, 640)."""
    rng = np.random.default_rng(seed)
    machine = rng.normal(0, 6, (n, 1, 128)) - 0.1 * np.arange(128)
    frames = machine + rng.normal(0, 4, (n, 5, 1)) + rng.normal(0, 2, (n, 5, 128)) - 25
    return frames.reshape(n, 640).astype(np.float32)


@dataclass(frozen=True)
class Cost:
    """Float against integer on the evaluation samples; accuracies are fractions."""

    samples: int
    float_accuracy: float
    int_accuracy: float
    score: Score

    @property
    def lost_samples(self) -> int:
        return round((self.float_accuracy - self.int_accuracy) * self.samples)


def cost(case: Loaded, reference: Graph, ints: Graph) -> Cost:
    """What the integer graph `ints` loses against the float graph `reference` on case.x."""
    names, inner = measured(reference), measured(ints)
    wanted, got = [], []
    source = reference.ins[0]
    for start in range(0, len(case.x), BATCH):
        x = case.x[start:start + BATCH]
        wanted.append(run_float(reference, {source: x}, keep=names)[names[0]])
        q = ints.tensor(source).params.quantize(x)
        out = run_int(ints, {source: q}, keep=inner)[inner[0]]
        got.append(ints.tensor(inner[0]).params.dequantize(out))
    want, have = np.concatenate(wanted), np.concatenate(got)
    score = compare([want], [have])
    if case.y is None:
        return Cost(len(case.x), 0.0, 0.0, score)
    right = [float(np.mean(v.reshape(len(v), -1).argmax(1) == case.y)) for v in (want, have)]
    return Cost(len(case.x), right[0], right[1], score)


def scrambled(graph: Graph, spread: float, rng: np.random.Generator) -> Graph:
    """The same float function with channels scaled by up to `spread`, undone by the next layer."""
    for pair in pairs(graph):
        assert act_of(pair.first) in (Act.NONE, Act.RELU)
        factors = spread ** rng.uniform(0, 1, graph.tensor(pair.between[0]).shape[-1])
        w, b = mac_view(graph, pair.first).scaled_out(factors)
        changed = {pair.first.ins[1]: w, pair.first.ins[2]: b,
                   pair.second.ins[1]: mac_view(graph, pair.second).scaled_in(1 / factors)}
        graph = graph.with_tensors(*(Tensor(n, v.shape, v.astype(np.float32))
                                for n, v in changed.items()))
    return graph


def assert_host_equals(folder: Path, ints: Graph, inputs: dict[str, IntArray]) -> None:
    """The C code in `folder`, on this machine, gives the bytes of run_int."""
    want = run_int(ints, inputs)
    got = HostModel(folder).run(*(inputs[n] for n in ints.ins))
    for name, value in zip(ints.outs, got, strict=True):
        np.testing.assert_array_equal(value.reshape(want[name].shape), want[name], str(folder))
