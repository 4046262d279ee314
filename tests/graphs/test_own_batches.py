"""Leading axes that are the model's own: several samples at once as one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite_models import ModelFile, dense_options
from tflite_writer import Reference

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.errors import UnsupportedError
from edgeq.evaluate import Comparison
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.lower import lower
from edgeq.ops.reshape import Reshape
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

ROWS, UNITS = 6, 8


def keras_norm(folder: Path) -> Path:
    """Rows normalized as Keras writes it: rows in front, the mean along the second axis."""
    net, rng = ModelFile(), np.random.default_rng(1)

    def const(name: str, *shape: int) -> int:
        return net.const(name, rng.uniform(0.5, 1.5, shape).astype(np.float32))

    def op(kind: str, name: str, shape: tuple[int, ...], ins: list[int],
           opts: object | None = None) -> int:
        y = net.tensor(name, shape)
        net.op(kind, ins, [y], opts)
        return y

    x = net.tensor("x", (1, ROWS, UNITS))
    w = net.const("w", rng.normal(size=(UNITS, UNITS)).astype(np.float32))
    y = op("FULLY_CONNECTED", "d", (1, ROWS, UNITS), [x, w, const("b", UNITS)],
           dense_options(keep=True))
    y = op("RESHAPE", "r", (ROWS, UNITS), [y, net.const("to", np.array([ROWS, UNITS], np.int32))],
           schema.ReshapeOptionsT())
    y = op("TRANSPOSE", "t", (UNITS, ROWS), [y, net.const("p", np.array([1, 0], np.int32))],
           schema.TransposeOptionsT())
    mean = op("MEAN", "m", (ROWS,), [y, net.const("a", np.array([0], np.int32))],
              schema.ReducerOptionsT())
    y = op("SUB", "c", (UNITS, ROWS), [y, mean], schema.SubOptionsT())
    y = op("MUL", "s", (UNITS, ROWS), [y, const("gamma", UNITS, 1)], schema.MulOptionsT())
    y = op("ADD", "y", (UNITS, ROWS), [y, const("beta", UNITS, ROWS)], schema.AddOptionsT())
    return net.write(folder / "net.tflite", [x], [y])


def one_by_one(graph: Graph, x: FloatArray) -> FloatArray:
    return np.concatenate([run_float(graph, {"x": one[None]})[graph.outs[0]] for one in x])


@pytest.mark.parametrize("count", [2, ROWS, UNITS, 9])
def test_means_and_constants_over_rows(tmp_path: Path, count: int) -> None:
    """LiteRT's values, sample for sample, also for as many samples as there are rows."""
    path = keras_norm(tmp_path)
    x = np.random.default_rng(2).normal(size=(count, ROWS, UNITS)).astype(np.float32)
    reference = Reference(path.read_bytes())
    want = np.concatenate([reference.run(one[None])[0] for one in x])
    for graph in (read(path), simplify(read(path))):
        (got,) = run_float(graph, {"x": x}).values()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", ["default", "best"])
def test_calibration_and_c(tmp_path: Path, recipe: str) -> None:
    """Quantized from several samples; the C gives run_int's bytes, near the real values."""
    graph = simplify(read(keras_norm(tmp_path)))
    x = np.random.default_rng(3).normal(size=(24, ROWS, UNITS)).astype(np.float32)
    ints = quantize(graph, x, load_recipe(recipe)).graph
    q = ints.tensor("x").params.quantize(x)
    (wanted,) = run_int(ints, {"x": q}).values()
    write(emit(lower(ints, Target(load_board("cortex-m55")), "net")), tmp_path / "out")
    (got,) = HostModel(tmp_path / "out").run(q)
    np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)
    comparison = Comparison({n: ints.tensor(n).params for n in ints.outs})
    comparison.add({ints.outs[0]: one_by_one(graph, x)}, {ints.outs[0]: got})
    db = comparison.result().sqnr_db[ints.outs[0]]
    assert db is not None
    assert db > 25


def test_one_value_without_an_axis() -> None:
    graph = Graph(name="net", ins=("x",), outs=("y",), tensors={
        "x": Tensor("x", (1, 1)), "y": Tensor("y", ())},
        ops=(Reshape(name="y", ins=("x",), outs=("y",), to=()),))
    assert run_float(graph, {"x": np.ones((1, 1), np.float32)})["y"] == 1
    with pytest.raises(UnsupportedError, match="2 samples"):
        run_float(graph, {"x": np.ones((2, 1), np.float32)})


def test_a_state_beside_a_batch(tmp_path: Path) -> None:
    """x (1, 8) and a state (2, 1, 4): samples of both have one number in front."""
    net = ModelFile()
    x, state = net.tensor("x", (1, 8)), net.tensor("state", (2, 1, 4))
    flat, y, after = net.tensor("flat", (1, 8)), net.tensor("y", (1, 8)), net.tensor(
        "after", (2, 1, 4))
    net.op("RESHAPE", [state, net.const("a", np.array([1, 8], np.int32))], [flat],
           schema.ReshapeOptionsT())
    net.op("ADD", [x, flat], [y], schema.AddOptionsT())
    net.op("RESHAPE", [y, net.const("b", np.array([2, 1, 4], np.int32))], [after],
           schema.ReshapeOptionsT())
    graph = simplify(read(net.write(tmp_path / "net.tflite", [x, state], [y, after])))
    rng = np.random.default_rng(4)
    feeds = {n: rng.normal(size=(5, *graph.tensor(n).shape[1:])).astype(np.float32)
             for n in graph.ins}
    got = run_float(graph, feeds)
    want = feeds["x"] + feeds["state"].reshape(5, 8)
    np.testing.assert_allclose(got["y"], want)
    np.testing.assert_allclose(got["after"].reshape(5, 8), want)
