"""What TensorFlow's converter and tensorflow-model-optimization make of small Keras networks.

EDGEQ_TENSORFLOW names a Python interpreter that has both (docs/quantized-models.md); the networks
are those of tests/bench/keras_zoo.py. Whole models, 200 inputs each: integers as TensorFlow Lite
Micro computes them, or LiteRT where Micro lacks an operator; floats as LiteRT.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from micro import Micro
from numpy.typing import NDArray
from tensorflow_files import written_by
from tflite_writer import Reference

from edgeq.errors import EdgeqError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph
from edgeq.passes import simplify
from edgeq.readers import read

MAKER = Path(__file__).resolve().parents[1] / "bench" / "keras_zoo.py"
INPUTS = 200
INTEGERS = ("int8", "int16x8", "uint8", "int8-tensor", "qat8", "qat4")
FLOATS = ("float32", "float16", "dynamic")
# TensorFlow Lite Micro has no such operator, or takes any tanh's steps for 1/128 (concat)
BY_LITERT = {"squares", "exp", "gelu", "gelu_tanh", "mirrored", "pools", "concat", "bilinear"}
REFUSED = {"layer_norm-int16x8"}  # squared differences of 16 bits
NO_ORACLE = {"dense-qat4", "mean-int16x8"}  # a real softmax; LiteRT's sums are not sums there
# steps apart at times: quotients, and 16-bit softmax, which products of it amplify; LiteRT's 16-bit
# products, which EXP meets here (docs/quantized-models.md)
APART = {"divide": 1, "log_softmax": 1, "squares": 1, "softmax-int16x8": 1, "dense-int16x8": 1,
         "exp-int16x8": 1, "batch_matmul-int16x8": 4, "attention-int16x8": 4}

Values = NDArray[np.generic]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all files."""
    return written_by(MAKER, tmp_path_factory.mktemp("zoo"))


def networks(zoo: Path, kind: str) -> dict[str, Path]:
    """The files of one kind by network."""
    found = {p.stem.removesuffix(f"-{kind}"): p for p in sorted(zoo.glob(f"*-{kind}.tflite"))}
    return {name: path for name, path in found.items() if "-" not in name}


def graph_of(name: str, path: Path, wrong: dict[str, str]) -> Graph | None:
    """The network, or None where it is refused, which is noted in `wrong` if it should not be."""
    try:
        return simplify(read(path))
    except EdgeqError as error:
        if not REFUSED & {name, path.stem}:
            wrong[name] = str(error)
        return None


def codes(graph: Graph) -> Values:
    """Half of them any integers, half those of normal values, which the models were made for."""
    t, rng = graph.tensor(graph.ins[0]), np.random.default_rng(1)
    q, shape = t.params, (INPUTS, *t.shape[1:])
    x = np.rint(rng.normal(0, 1, shape) / float(q.scale)) + int(q.zero)
    x[::2] = rng.integers(q.qmin, q.qmax + 1, x[::2].shape)
    return np.clip(x, q.qmin, q.qmax).astype(np.int8 if q.bits == 8 else np.int16)


def oracle(name: str, kind: str, model: bytes) -> Callable[[Values], Values]:
    """The reference's integers for one input; uint8 ones as int8."""
    away = 128 if kind == "uint8" else 0
    run = Reference(model).run if name in BY_LITERT else Micro(model).run
    stored = np.uint8 if away else None

    def integers(x: Values) -> Values:
        x = x if stored is None else (x.astype(np.int32) + away).astype(stored)
        return run(x)[0].astype(np.int64) - away

    return integers


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers(zoo: Path, kind: str) -> None:
    wrong: dict[str, str] = {}
    for name, path in networks(zoo, kind).items():
        graph = graph_of(name, path, wrong)
        if graph is None or path.stem in NO_ORACLE:
            continue
        x, model = codes(graph), oracle(name, kind, path.read_bytes())
        got = run_int(graph, {graph.ins[0]: x})[graph.outs[0]].astype(np.int64)
        want = np.concatenate([model(x[i:i + 1]) for i in range(INPUTS)])
        most = APART.get(path.stem, APART.get(name, 0))
        if got.shape != want.shape or np.abs(got - want).max() > most:
            wrong[name] = f"{(got != want).mean():.3%}" if got.shape == want.shape else "shape"
    assert not wrong


@pytest.mark.parametrize("kind", FLOATS)
def test_floats(zoo: Path, kind: str) -> None:
    """With weights of 8 bits LiteRT's dense layers round their inputs to 8 bits, too."""
    wrong: dict[str, str] = {}
    for name, path in networks(zoo, kind).items():
        graph = graph_of(name, path, wrong)
        if graph is None:
            continue
        t = graph.tensor(graph.ins[0])
        x = np.random.default_rng(2).normal(size=(4, *t.shape[1:])).astype(np.float32)
        got = run_float(graph, {t.name: x})[graph.outs[0]]
        model = Reference(path.read_bytes(), name != "elu")
        want = np.concatenate([model.run(x[i:i + 1])[0] for i in range(4)])
        share = np.abs(got - want).max() / np.ptp(want)
        if share > (5e-3 if kind == "dynamic" or name == "lstm" else 1e-5):
            wrong[name] = f"{share:.2g}"
    assert not wrong
