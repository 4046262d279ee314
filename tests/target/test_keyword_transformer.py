"""A keyword transformer, trained here on real samples: integers against reals, every core."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import shared

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnx", reason="the onnx package is not installed")

from keyword_transformer import Words, trained  # noqa: E402

from edgeq.board import Target, load_board  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.from_torch import from_torch  # noqa: E402
from edgeq.host import HostModel  # noqa: E402
from edgeq.ir import Graph, IntArray  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.quant.simulate import sqnr_db  # noqa: E402
from edgeq.readers.onnx import read_onnx_bytes  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402
from edgeq.target import run_folder  # noqa: E402

pytestmark = pytest.mark.slow
HEARD = 100  # samples of the evaluation set that are trained on too


def words(part: str) -> Words:
    data = np.load(shared(f"data/mlperf_kws_{part}.npz"))
    return Words(data["x"][..., 0], data["y"].astype(np.int64))


@cache
def network() -> tuple[object, Words, Words]:
    """(trained module, what it has heard, what it has not)."""
    calib, evaluation = words("calib"), words("eval")
    heard = Words(np.concatenate([calib.x, evaluation.x[:HEARD]]),
                  np.concatenate([calib.y, evaluation.y[:HEARD]]))
    return trained(heard), heard, Words(evaluation.x[HEARD:], evaluation.y[HEARD:])


@cache
def graphs() -> tuple[Graph, Graph]:
    """The float graph and its integers, default recipe."""
    module, heard, _ = network()
    graph = simplify(from_torch(module, torch.zeros(1, 49, 10)))  # type: ignore[arg-type]
    return graph, quantize(graph, heard.x, load_recipe("default")).graph


def integers(x: np.ndarray) -> tuple[IntArray, IntArray]:
    """(inputs, outputs) of the integer graph for real samples."""
    _, ints = graphs()
    (source,), (out,) = ints.ins, ints.outs
    q = ints.tensor(source).params.quantize(x)
    return q, run_int(ints, {source: q})[out]


def test_both_exporters_give_the_same_network(tmp_path: Path) -> None:
    module, _, unheard = network()
    graph, _ = graphs()
    path = tmp_path / "old.onnx"
    torch.onnx.export(module, (torch.zeros(1, 49, 10),), str(path), dynamo=False)
    old = simplify(read_onnx_bytes(path.read_bytes(), "old"))
    with torch.no_grad():
        want = module(torch.from_numpy(unheard.x)).numpy()  # type: ignore[operator]
    for g in (graph, old):
        kinds = {type(op).__name__ for op in g.ops}
        assert kinds - {"Gelu", "Composite"} == {"Dense", "Concat", "Add", "LayerNorm", "MatMul",
                                                 "Softmax", "Slice", "Reshape"}
        (got,) = run_float(g, {g.ins[0]: unheard.x}).values()
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("part", "decibels", "agreeing"), [("heard", 25, 0.99),
                                                            ("unheard", 24, 0.96)])
def test_integers_follow_the_reals(part: str, decibels: float, agreeing: float) -> None:
    """On samples that set the ranges, and on others, of which the network is not sure."""
    graph, ints = graphs()
    samples = network()[1 if part == "heard" else 2]
    (real,) = run_float(graph, {graph.ins[0]: samples.x}).values()
    y = ints.tensor(ints.outs[0]).params.dequantize(integers(samples.x)[1])
    found = sqnr_db(real, y), float(np.mean(real.argmax(1) == y.argmax(1)))
    right = [float(np.mean(v.argmax(1) == samples.y)) for v in (real, y)]
    print(f"{part}: {found[0]:.1f} dB, agreement {found[1]:.3f}, accuracy {right[0]:.3f} in "
          f"float, {right[1]:.3f} in integers")
    assert found[0] >= decibels
    assert found[1] >= agreeing


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m55", "cortex-m4", "cortex-a53"])
def test_every_core_gives_the_bytes_of_numpy(board: str, tmp_path: Path) -> None:
    target = load_board(board)
    for tool in (target.compiler, target.qemu.program if target.qemu else ""):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    _, ints = graphs()
    x, want = integers(network()[2].x[:4])
    write(emit(lower(ints, Target(target), "net")), tmp_path / "net")
    np.testing.assert_array_equal(HostModel(tmp_path / "net").run(x)[0], want)
    got = run_folder(tmp_path / "net", target, (x,)).outputs[0]
    np.testing.assert_array_equal(got.reshape(want.shape), want)
