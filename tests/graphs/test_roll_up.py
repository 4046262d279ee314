"""Recurrent layers that a file has step by step, as Keras unrolls them, become layers again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_models import ModelFile, dense_options, schema
from tflite_writer import Reference

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph
from edgeq.ops.dense import Dense
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

STEPS, IN_C, UNITS = 6, 5, 8
KINDS: dict[str, type[Recurrent]] = {"lstm": Lstm, "gru": Gru, "gru_reset_first": Gru, "rnn": Rnn}


class Writer:
    """A layer written step by step into a file."""

    def __init__(self, m: ModelFile, kind: str, in_c: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.m, self.kind, self.count = m, kind, seed * 1000
        gates = {"lstm": 4, "rnn": 1}.get(kind, 3)
        self.w = rng.normal(0, 0.5, (gates * UNITS, in_c)).astype(np.float32)
        self.r = rng.normal(0, 0.4, (gates * UNITS, UNITS)).astype(np.float32)
        self.b, self.c = (rng.normal(0, 0.3, gates * UNITS).astype(np.float32) for _ in "bc")

    def new(self, n: int = UNITS) -> int:
        self.count += 1
        return self.m.tensor(f"t{self.count}", (1, n))

    def const(self, data: np.ndarray) -> int:
        self.count += 1
        return self.m.const(f"c{self.count}", data)

    def op(self, kind: str, *ins: int, n: int = UNITS) -> int:
        options = {"MUL": schema.MulOptionsT, "ADD": schema.AddOptionsT,
                   "SUB": schema.SubOptionsT}.get(kind)
        y = self.new(n)
        self.m.op(kind, list(ins), [y], options() if options else None)
        return y

    def dense(self, x: int, w: np.ndarray, b: np.ndarray) -> int:
        y = self.new(len(w))
        self.m.op("FULLY_CONNECTED", [x, self.const(w), self.const(b)], [y], dense_options())
        return y

    def parts(self, x: int, n: int) -> list[int]:
        """`x` split into `n`, as Keras does with the sums of all gates."""
        outs = [self.new() for _ in range(n)]
        options = schema.SplitOptionsT()
        options.numSplits = n
        self.m.op("SPLIT", [self.const(np.array(1, np.int32)), x], outs, options)
        return outs

    def step(self, x: int, h: int | None, c: int | None) -> tuple[int, int | None]:
        """The next h and c; None stands for zero, whose sums TensorFlow folds."""
        if self.kind == "rnn":
            sums = self.dense(x, self.w, self.b)
            if h is not None:
                sums = self.op("ADD", sums, self.dense(h, self.r, 0 * self.b))
            return self.op("TANH", sums), None
        if self.kind == "lstm":
            return self.lstm(x, h, c)
        return self.gru(x, h), None

    def lstm(self, x: int, h: int | None, c: int | None) -> tuple[int, int]:
        sums = self.dense(x, self.w, self.b)
        if h is not None:
            sums = self.op("ADD", sums, self.dense(h, self.r, 0 * self.b), n=4 * UNITS)
        i, f, g, o = self.parts(sums, 4)
        new = self.op("MUL", self.op("LOGISTIC", i), self.op("TANH", g))
        if c is not None:
            new = self.op("ADD", self.op("MUL", self.op("LOGISTIC", f), c), new)
        return self.op("MUL", self.op("LOGISTIC", o), self.op("TANH", new)), new

    def gru(self, x: int, h: int | None) -> int:
        first = self.kind == "gru_reset_first"
        if first:
            return self.gru_reset_first(x, h)
        az, ar, an = self.parts(self.dense(x, self.w, self.b), 3)
        if h is None:
            bz, br, bn = (self.const(v) for v in np.split(self.c[None], 3, 1))
        else:
            bz, br, bn = self.parts(self.dense(h, self.r, self.c), 3)
        z, r = (self.op("LOGISTIC", self.op("ADD", a, b)) for a, b in ((az, bz), (ar, br)))
        n = self.op("TANH", self.op("ADD", an, self.op("MUL", r, bn)))
        return self.mixed(z, n, h)

    def gru_reset_first(self, x: int, h: int | None) -> int:
        w, r, b = (np.split(v, 3) for v in (self.w, self.r, self.b))
        sums = [self.dense(x, w[i], b[i]) for i in range(3)]
        if h is not None:
            sums[:2] = [self.op("ADD", sums[i], self.dense(h, r[i], 0 * b[i])) for i in range(2)]
        z = self.op("LOGISTIC", sums[0])
        if h is not None:
            met = self.op("MUL", self.op("LOGISTIC", sums[1]), h)
            sums[2] = self.op("ADD", self.dense(met, r[2], 0 * b[2]), sums[2])
        return self.mixed(z, self.op("TANH", sums[2]), h)

    def mixed(self, z: int, n: int, h: int | None) -> int:
        new = self.op("MUL", self.op("SUB", self.const(np.float32(1)), z), n)
        return new if h is None else self.op("ADD", self.op("MUL", z, h), new)


def frames(m: ModelFile, x: int) -> list[int]:
    outs = [m.tensor(f"x{t}", (1, IN_C)) for t in range(STEPS)]
    options = schema.UnpackOptionsT()
    options.num, options.axis = STEPS, 1
    m.op("UNPACK", [x], outs, options)
    return outs


def packed(m: ModelFile, rows: list[int]) -> int:
    y = m.tensor("y", (1, STEPS, UNITS))
    options = schema.PackOptionsT()
    options.axis, options.valuesCount = 1, STEPS
    m.op("PACK", rows, [y], options)
    return y


def chain(writer: Writer, xs: list[int]) -> list[int]:
    rows, h, c = [], None, None
    for x in xs:
        h, c = writer.step(x, h, c)
        rows.append(h)
    return rows


def checked(path: Path) -> Graph:
    """The simplified graph, which computes what LiteRT computes."""
    graph = simplify(read(path))
    x = np.random.default_rng(9).normal(0, 1, (3, STEPS, IN_C)).astype(np.float32)
    model = Reference(path.read_bytes(), reference=False)
    want = np.concatenate([model.run(row[None])[0] for row in x])
    (got,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(got.reshape(want.shape), want, atol=2e-6)
    return graph


def layers(graph: Graph) -> list[Recurrent]:
    return [op for op in graph.ops if isinstance(op, Recurrent)]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("whole", [False, True], ids=["last", "rows"])
@pytest.mark.parametrize("kind", KINDS)
def test_unrolled_layers_are_layers(kind: str, whole: bool, backwards: bool,
                                    tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, STEPS, IN_C))
    rows = chain(Writer(m, kind, IN_C, 1), frames(m, x)[::-1 if backwards else 1])
    y = packed(m, rows) if whole else rows[-1]
    graph = checked(m.write(tmp_path / "m.tflite", [x], [y]))
    (layer,) = layers(graph)
    assert type(layer) is KINDS[kind]
    assert layer.last_only is not whole
    assert not any(isinstance(op, Dense) for op in graph.ops)
    assert len(graph.ops) <= (3 if backwards else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_on_each_other(kind: str, tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, STEPS, IN_C))
    lower = chain(Writer(m, kind, IN_C, 1), frames(m, x))
    upper = chain(Writer(m, kind, UNITS, 2), lower)
    graph = checked(m.write(tmp_path / "m.tflite", [x], [upper[-1]]))
    assert len(layers(graph)) == 2
    assert not any(isinstance(op, Dense) for op in graph.ops)


@pytest.mark.parametrize("what", ["w", "r", "b"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_differs_is_no_step_of_the_layer(kind: str, what: str,
                                                    tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, STEPS, IN_C))
    writer, xs = Writer(m, kind, IN_C, 1), frames(m, x)
    h, c = None, None
    for t, frame in enumerate(xs):
        if t == STEPS - 2:
            getattr(writer, what)[:] *= np.float32(1.25)
        if t == STEPS - 1:
            getattr(writer, what)[:] /= np.float32(1.25)
        h, c = writer.step(frame, h, c)
    assert h is not None
    graph = checked(m.write(tmp_path / "m.tflite", [x], [h]))
    assert any(isinstance(op, Dense) for op in graph.ops)


@pytest.mark.parametrize("kind", KINDS)
def test_integers_of_a_rolled_layer(kind: str, tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, STEPS, IN_C))
    y = packed(m, chain(Writer(m, kind, IN_C, 1), frames(m, x)))
    graph = checked(m.write(tmp_path / "m.tflite", [x], [y]))
    samples = np.random.default_rng(2).normal(0, 1, (64, STEPS, IN_C)).astype(np.float32)
    ints = quantize(graph, samples, load_recipe("default")).graph
    q = run_int(ints, {"x": ints.tensor("x").params.quantize(samples)})[ints.outs[0]]
    got = ints.tensor(ints.outs[0]).params.dequantize(q)
    want = run_float(graph, {"x": samples})[graph.outs[0]]
    assert 10 * np.log10(np.sum(want**2) / np.sum((want - got) ** 2)) > 28
