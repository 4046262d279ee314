"""Recurrent layers exported by Keras itself, in every form that the converter writes.

Skipped without TensorFlow (tests/tensorflow_files.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from micro import Micro
from tensorflow_files import written_by
from tflite_writer import Reference

from edgeq.execute import run_float, run_float_steps, run_int
from edgeq.explicit_states import closed
from edgeq.ir import Graph
from edgeq.ops.recurrent import Recurrent
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

KINDS = ("LSTM", "GRU", "GRU1", "SimpleRNN")
SHAPES = ("plain", "sequences", "backwards", "backwards_sequences", "stateful", "both",
          "both_sequences", "stacked", "cells", "distributed", "convolved", "two_steps",
          "one_step")
TWO = ("both", "both_sequences", "stacked", "cells")  # layers
FORMS = ("fused", "unroll", "while")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all models of tests/keras_models.py, written now."""
    return written_by(Path(__file__).parents[1] / "keras_models.py",
                      tmp_path_factory.mktemp("keras"))


def recurrent(graph: Graph) -> list[Recurrent]:
    return [op for op in graph.ops if isinstance(op, Recurrent)]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_is_the_layer(models: Path, kind: str, shape: str, form: str) -> None:
    path = models / f"{kind}-{shape}-{form}.tflite"
    if not path.exists():
        pytest.skip("TensorFlow cannot export it")
    graph, lite = closed(simplify(read(path))), Reference(path.read_bytes(), reference=False)
    assert len(recurrent(graph)) == (2 if shape in TWO else 1)
    assert len(graph.ops) <= 14
    x = np.load(path.with_suffix(".npz"))["x"][:8]
    if graph.states:
        got = run_float_steps(graph, {graph.ins[0]: x[None]})[graph.outs[0]][0]
    else:
        got = run_float(graph, {graph.ins[0]: x})[graph.outs[0]]
    for i, row in enumerate(x):
        if not graph.states:
            lite = Reference(path.read_bytes(), reference=False)
        np.testing.assert_allclose(got[i].reshape(-1), lite.run(row[None])[0].reshape(-1),
                                   atol=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["sequences", "stacked", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_integers_of_all_forms_are_alike(models: Path, kind: str, shape: str) -> None:
    fresh = np.random.default_rng(99).normal(0, 1, (200, 12, 6)).astype(np.float32)
    for form in FORMS:
        path = models / f"{kind}-{shape}-{form}.tflite"
        graph = simplify(read(path))
        ints = quantize(graph, np.load(path.with_suffix(".npz"))["x"],
                        load_recipe("default")).graph
        q = ints.tensor(ints.ins[0]).params.quantize(fresh)
        out = ints.tensor(ints.outs[0])
        got = out.params.dequantize(run_int(ints, {ints.ins[0]: q})[out.name])
        want = run_float(graph, {graph.ins[0]: fresh})[graph.outs[0]]
        assert 10 * np.log10(np.sum(want**2) / np.sum((want - got) ** 2)) > 30
        assert np.mean(want.argmax(-1) == got.argmax(-1)) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "LSTM-plain-fused", "LSTM-stacked-fused", "LSTM-plain-unroll", "LSTM-stacked-unroll",
    "GRU-plain-unroll", "GRU-stacked-unroll", "SimpleRNN-plain-unroll",
    "SimpleRNN-stacked-unroll"])
def test_integers_of_the_converter(models: Path, name: str) -> None:
    """Every byte as TensorFlow Lite Micro gives it."""
    path = models / f"{name}-int8.tflite"
    graph, micro = simplify(read(path)), Micro(path.read_bytes())
    fresh = np.random.default_rng(99).normal(0, 1, (200, 12, 6)).astype(np.float32)
    q = graph.tensor(graph.ins[0]).params.quantize(fresh)
    got = run_int(graph, {graph.ins[0]: q})[graph.outs[0]]
    for i, row in enumerate(q):
        np.testing.assert_array_equal(got[i].reshape(-1), micro.run(row[None])[0].reshape(-1))
