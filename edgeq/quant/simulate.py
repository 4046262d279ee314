"""The integer graph run in float32 on its own grids: fast, within one step of `run_int`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.ops.base import Fixed, SameAsInput
from edgeq.quant.observe import batches
from edgeq.quant.params import fake_quantize
from edgeq.run_op import run_real


def constants(graph: Graph) -> dict[str, FloatArray]:
    """The constants of an integer graph as reals (index constants as they are)."""
    return {n: (t.data if t.q is None else t.q.dequantize(t.data))  # type: ignore[misc, arg-type]
            for n, t in graph.tensors.items() if t.data is not None}


def simulate(graph: Graph, inputs: Mapping[str, FloatArray],
             keep: Sequence[str]) -> dict[str, FloatArray]:
    """Real values of the activations `keep` of the integer `graph` on real `inputs`."""
    const = constants(graph)
    last = {name: i for i, op in enumerate(graph.ops) for name in op.ins}
    values = {n: fake_quantize(np.asarray(x), graph.tensor(n).params) for n, x in inputs.items()}
    kept = {n: x for n, x in values.items() if n in keep}
    for i, op in enumerate(graph.ops):
        outs = run_real(graph, op, [const[n] if n in const else values[n] for n in op.ins])
        for name, y in zip(op.outs, outs, strict=True):
            values[name] = y if op.is_view else fake_quantize(y, graph.tensor(name).params)
            if name in keep:
                kept[name] = values[name]
        for name in (*op.ins, *op.outs):
            if last.get(name, -1) <= i:
                values.pop(name, None)
    return kept


def simulate_on(graph: Graph, start: int, known: Mapping[str, FloatArray],
                changed: Mapping[str, FloatArray], out: str) -> FloatArray:
    """The value of `out` of the integer `graph` where operator `start` gave `changed` instead.

    `known` holds the real values of an earlier run; `changed` is not rounded.
    """
    now = dict(changed)
    for op in graph.ops[start + 1:]:
        if not any(n in now for n in op.ins):
            continue
        const = {n: t for n, t in ((n, graph.tensor(n)) for n in op.ins) if t.data is not None}
        real = {n: t.data if t.q is None else t.q.dequantize(t.data)  # type: ignore[arg-type]
                for n, t in const.items()}
        xs = [real[n] if n in real else now[n] if n in now else known[n] for n in op.ins]
        outs = run_real(graph, op, xs)  # type: ignore[arg-type]
        for name, y in zip(op.outs, outs, strict=True):
            now[name] = y if op.is_view else fake_quantize(y, graph.tensor(name).params)
    return now.get(out, known[out])


@dataclass(frozen=True)
class Score:
    """How near the integer outputs are to the float ones."""

    sqnr_db: float  # of what enters a final softmax or sigmoid, else of the outputs
    agreement: float  # share of samples with the same argmax; 1.0 for single-value outputs

    def __str__(self) -> str:
        return f"SQNR {self.sqnr_db:.2f} dB, agreement {100 * self.agreement:.1f} %"


def measured(graph: Graph) -> tuple[str, ...]:
    """The tensors that scores compare: the outputs, before a final fixed-range function."""
    names = []
    for name in graph.outs:
        op = graph.producer(name)
        while op is not None and (isinstance(op.rule(), Fixed)
                                  or (isinstance(op.rule(), SameAsInput) and op.is_view)):
            name = op.ins[0]
            op = graph.producer(name)
        names.append(name)
    return tuple(names)


def reference(graph: Graph, samples: Sequence[FloatArray]) -> list[FloatArray]:
    """Float values of the measured tensors, each (n, ...)."""
    names = measured(graph)
    runs = [run_float(graph, inputs, keep=names) for inputs in batches(graph, samples)]
    return [np.concatenate([r[n] for r in runs]) for n in names]


def score(graph: Graph, samples: Sequence[FloatArray], wanted: Sequence[FloatArray]) -> Score:
    """Score of the integer `graph` against the float values `wanted` of `reference`."""
    names = measured(graph)
    runs = [simulate(graph, inputs, names) for inputs in batches(graph, samples)]
    return compare(wanted, [np.concatenate([r[n] for r in runs]) for n in names])


def compare(wanted: Sequence[FloatArray], got: Sequence[FloatArray]) -> Score:
    """Score of the values `got` against `wanted`, both lists of (n, ...)."""
    sqnrs, agree = [], []
    for w, g in zip(wanted, got, strict=True):
        sqnrs.append(sqnr_db(w, g))
        w_rows, g_rows = w.reshape(len(w), -1), g.reshape(len(g), -1)
        if w_rows.shape[1] > 1:
            agree.append(float(np.mean(w_rows.argmax(1) == g_rows.argmax(1))))
    return Score(float(np.mean(sqnrs)), float(np.mean(agree)) if agree else 1.0)


def sqnr_db(wanted: FloatArray, got: FloatArray) -> float:
    """10 log10(power of `wanted` / power of the difference), at most 120 dB."""
    w = np.asarray(wanted, np.float64)
    signal, noise = float((w**2).sum()), float(((w - got) ** 2).sum())
    return float(np.clip(10 * np.log10(max(signal, 1e-30) / max(noise, 1e-30)), -120, 120))
