"""Real models against LiteRT: floats closely, int8 layers byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeq.errors import ToolchainError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph
from edgeq.litert import interpreter_module
from edgeq.ops.dense import Dense
from edgeq.passes import simplify
from edgeq.readers import read

Shared = Callable[[str], Path]
FLOAT = ("mlperf_kws", "mlperf_ic", "mlperf_vww", "mlperf_ad", "mobilenet_v1_025_224",
         "arm_kws_ds_cnn_s")
# int8 weights in a float file: LiteRT rounds activations to int8 for these layers, edgeq does not
DYNAMIC_RANGE = ("mlperf_kws",)
INT8 = ("mlperf_kws", "mlperf_ic", "mlperf_vww", "mlperf_ad")


def oracle(path: Path, x: NDArray[np.generic],
           reference: bool = False) -> dict[str, NDArray[np.generic]]:
    """Every tensor of one inference in LiteRT, by the name that edgeq uses too."""
    try:
        module = interpreter_module()
    except ToolchainError as error:
        pytest.skip(str(error))
    resolver = module.OpResolverType.BUILTIN_REF if reference else module.OpResolverType.BUILTIN
    it = module.Interpreter(model_path=str(path), experimental_preserve_all_tensors=True,
                            experimental_op_resolver_type=resolver)
    it.allocate_tensors()
    it.set_tensor(it.get_input_details()[0]["index"], x)
    it.invoke()
    found: dict[str, NDArray[np.generic]] = {}
    for detail in it.get_tensor_details():
        name = detail["name"]
        name = f"{name}#{detail['index']}" if name in found else name
        found[name] = it.get_tensor(detail["index"])
    return found


def samples(graph: Graph, n: int, high: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    shape = (n, *graph.tensor(graph.ins[0]).shape[1:])
    return rng.uniform(-high / 2, high, shape).astype(np.float32)


@pytest.mark.parametrize("name", FLOAT)
def test_float_models(name: str, shared: Shared) -> None:
    path = shared(f"models/{name}_float32.tflite")
    graph = read(path)
    x = samples(graph, 2, 255.0 if name == "mlperf_ic" else 2.0)
    for g in (graph, simplify(graph)):
        (got,) = run_float(g, {g.ins[0]: x}).values()
        for i in range(2):
            want = oracle(path, x[i:i + 1])[g.outs[0]].astype(np.float64)
            error = np.max(np.abs(got[i:i + 1] - want))
            share = 1e-2 if name in DYNAMIC_RANGE else 1e-5
            assert error <= share * np.ptp(want) + 1e-7, error


def rounded_once(op: Dense, graph: Graph, x: NDArray[np.generic]) -> NDArray[np.int64]:
    """The dense layer with the one rounding of LiteRT, from edgeq's own bias and multipliers."""
    layer = op.mac_layer(graph)
    acc = x.reshape(-1, layer.in_c).astype(np.int64) @ layer.weights.T.astype(np.int64) + layer.bias
    right = 31 - layer.shift.astype(np.int64)
    y = (acc * layer.mult + (np.int64(1) << (right - 1)) >> right) + layer.out_zero
    return np.clip(y, layer.act_min, layer.act_max)


@pytest.mark.parametrize("name", INT8)
def test_int8_layers(name: str, shared: Shared) -> None:
    """Each operator on LiteRT's own inputs gives LiteRT's output.

    Dense layers LiteRT rounds once, and TFLite Micro, CMSIS-NN and edgeq twice: with one rounding
    they are equal too, with two they differ by one at most.
    """
    path = shared(f"models/{name}_int8.tflite")
    graph = simplify(read(path))
    rng = np.random.default_rng(3)
    for _ in range(3):
        x = rng.integers(-128, 128, graph.tensor(graph.ins[0]).shape).astype(np.int8)
        tensors = oracle(path, x, reference=True)
        for op in graph.ops:
            ins = [graph.integers(n) if graph.tensor(n).is_const else tensors[n] for n in op.ins]
            (got,) = op.run_int(graph, *ins)
            want = tensors[op.outs[0]].astype(int)
            if isinstance(op, Dense):
                assert np.max(np.abs(got - want)) <= 1, op.name
                got = rounded_once(op, graph, tensors[op.ins[0]])
            np.testing.assert_array_equal(got, want, op.name)


@pytest.mark.parametrize("name", ["mlperf_kws", "mlperf_ic", "mlperf_vww"])
def test_int8_models(name: str, shared: Shared) -> None:
    """The whole graph up to the dense layer in front of the softmax, as one batch."""
    path = shared(f"models/{name}_int8.tflite")
    graph = simplify(read(path))
    (dense,) = [op for op in graph.ops if isinstance(op, Dense)]
    rng = np.random.default_rng(5)
    x = rng.integers(-128, 128, (3, *graph.tensor(graph.ins[0]).shape[1:])).astype(np.int8)
    got = run_int(graph, {graph.ins[0]: x}, keep=dense.ins[:1])[dense.ins[0]]
    want = [oracle(path, x[i:i + 1], reference=True)[dense.ins[0]] for i in range(3)]
    np.testing.assert_array_equal(got, np.concatenate(want))
