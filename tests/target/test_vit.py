"""The tiny vision transformer of the example: accurate in integers, the same bytes everywhere."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the onnx package is not installed")

from edgeq.board import Target, load_board
from edgeq.dataset import Preprocess, load_dataset
from edgeq.emit import emit
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.layers import is_mac
from edgeq.lower import lower
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.quant.gradients import differentiable
from edgeq.quant.reconstruct import Learning, reconstruct
from edgeq.quant.simulate import reference, score, sqnr_db
from edgeq.quant.student import Kind
from edgeq.readers import read
from edgeq.recipe import load_recipe
from edgeq.target import run_folder

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
INK = Preprocess(scale=(1 / 16,))


@cache
def real_graph() -> Graph:
    return simplify(read(DIGITS / "digits_vit.onnx"))


def test_blocks_learn_through_attention_and_norms() -> None:
    """4-bit weights: on unseen digits nearer to the float network than rounding to nearest, by 4 dB
    and more; every layer takes part."""
    graph = real_graph()
    samples = tuple(load_dataset(str(DIGITS / "digits_calib.npz"), INK, graph).real().values())
    unseen = tuple(load_dataset(str(DIGITS / "digits_eval.npz"), INK, graph).real().values())
    recipe = replace(load_recipe("fast"), weight_bits=4)
    ints, wanted = quantize(graph, samples, recipe).graph, reference(graph, unseen)
    assert all(differentiable(op) for op in graph.ops)
    rates = {Kind.ROUNDING: 0.02, Kind.BIAS: 0.01, Kind.WEIGHT: 5e-4, Kind.STEP: 2e-3,
             Kind.ZERO: 0.05}
    settings = Learning(iterations=100, rates=rates)
    found = reconstruct(graph, ints, samples, settings, np.random.default_rng(0))
    same = [op.name for op in graph.ops if is_mac(op)
            and np.array_equal(ints.const(op.ins[1]), found.const(op.ins[1]))]
    assert not same
    assert score(found, unseen, wanted).sqnr_db > score(ints, unseen, wanted).sqnr_db + 4


@cache
def integer_graph(recipe: str) -> Graph:
    graph = real_graph()
    samples = load_dataset(str(DIGITS / "digits_calib.npz"), INK, graph).real()
    return quantize(graph, tuple(samples.values()), load_recipe(recipe)).graph


def test_only_products_and_norms_between_layers() -> None:
    """No transpose, no copy but for the class token, no written-out normalization."""
    kinds = {type(op).__name__ for op in real_graph().ops}
    assert kinds == {"Conv2D", "Concat", "Add", "Dense", "LayerNorm", "MatMul", "Softmax",
                     "Composite", "Slice", "Reshape"}


def test_integers_are_as_good_as_reals() -> None:
    """The default recipe: at most two of 500 answers change, 25 dB at the logits."""
    graph, ints = real_graph(), integer_graph("default")
    data = load_dataset(str(DIGITS / "digits_eval.npz"), INK, graph)
    (source,), (out,), x = graph.ins, graph.outs, data.real()
    real = run_float(graph, x)[out]
    q = run_int(ints, {source: ints.tensor(source).params.quantize(x[source])})[out]
    assert sqnr_db(real, ints.tensor(out).params.dequantize(q)) >= 25
    right = [np.mean(y.argmax(1) == data.y) for y in (real, q)]
    assert right[0] > 0.98
    assert right[1] >= right[0] - 0.004
    assert np.mean(real.argmax(1) == q.argmax(1)) >= 0.99


@pytest.mark.qemu
@pytest.mark.parametrize("board", [
    "cortex-m55", "cortex-m4", "cortex-a53",
    *(pytest.param(b, marks=pytest.mark.slow) for b in (
        "cortex-m0plus", "cortex-m3", "cortex-m33", "cortex-a7", "cortex-a55", "cortex-a510"))])
def test_every_core_gives_the_bytes_of_numpy(board: str, tmp_path: Path) -> None:
    target = load_board(board)
    for tool in (target.compiler, target.qemu.program if target.qemu else ""):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    ints = integer_graph("fast")
    (source,), (out,) = ints.ins, ints.outs
    data = load_dataset(str(DIGITS / "digits_eval.npz"), INK, ints)
    q = ints.tensor(source).params.quantize(data.real(0, 3)[source])
    noise = np.random.default_rng(5).integers(-128, 128, q[:1].shape).astype(np.int8)
    x = np.concatenate([q, noise])
    want = run_int(ints, {source: x})[out]
    assert want.std() > 0
    folder = tmp_path / "net"
    write(emit(lower(ints, Target(target), "net")), folder)
    np.testing.assert_array_equal(HostModel(folder).run(x)[0], want)
    np.testing.assert_array_equal(run_folder(folder, target, (x,)).outputs[0].reshape(want.shape),
                                  want)
