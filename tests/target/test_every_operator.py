"""Operators of portable C, all in one library, under QEMU on every board with every compiler.

Kernels with variants have trials of their own (test_kernels.py, test_plain_kernels.py and what lies
beside them). A kernel that neither has fails `test_no_kernel_is_left_out`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from kernel_program import COMPILER_IDS, COMPILERS, skip_without_tools
from numpy.typing import NDArray
from operator_builder import Builder, params
from plain_trials import FAMILIES
from state_graph import IN_C, STEP, every_state

from edgeq import kernels
from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_int, run_steps
from edgeq.folder import write
from edgeq.ir import Graph
from edgeq.kernels import plain
from edgeq.lower import lower
from edgeq.ops.activations import Gelu, LeakyRelu, Logistic, Tanh
from edgeq.ops.argextreme import ArgExtreme
from edgeq.ops.compare import Compare
from edgeq.ops.concat import Concat
from edgeq.ops.cumsum import CumSum
from edgeq.ops.detection import Detections
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.embedding import Embedding
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.l2_norm import L2Norm
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.log_softmax import LogSoftmax
from edgeq.ops.masked_softmax import MaskedSoftmax
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.max_unpool import MaxPlace, MaxUnpool
from edgeq.ops.minmax import MinMax
from edgeq.ops.one_hot import OneHot
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Mean
from edgeq.ops.requantize import Requantize
from edgeq.ops.reshape import Reshape
from edgeq.ops.resize import ResizeBilinear, ResizeNearest
from edgeq.ops.row_sums import MeanOfSums, RowSums
from edgeq.ops.select import Select
from edgeq.ops.softmax import Softmax
from edgeq.ops.squared_difference import SquaredDifference
from edgeq.ops.suppress import NonMaxSuppression
from edgeq.ops.topk import TopK
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.resources import resource_dir
from edgeq.target import run_folder

BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53",
          "cortex-a55")
OFTEN = ("cortex-m0plus", "cortex-m55", "cortex-a53")  # the others are slow tests
SHAPE = (1, 4, 6, 8)
BOXES = 48  # of four values each
MAC = (kernels.CONV2D, kernels.DEPTHWISE, kernels.DENSE)
DYNAMIC = (plain.DYNAMIC_DENSE, plain.DYNAMIC_MATMUL, plain.DYNAMIC_LSTM, plain.DYNAMIC_GRU)


def files(*groups: tuple[plain.Kernel, ...], isa: str = "") -> set[str]:
    """The files of kernels, those of `isa` if given, without their endings."""
    return {Path(source).stem for group in groups for kernel in group
            if isa in ("", kernel.isa) for source in kernel.sources}


# kernels with trials in other files
ELSEWHERE = {
    "test_plain_kernels.py": files(*(f.kernels for f in FAMILIES)),
    "test_attention_kernels.py": set().union(*(files(plain.MATMUL, plain.LAYER_NORM, isa=isa)
                                               for isa in ("mve", "dsp", "neon", "neon_dot"))),
    "test_recurrent_kernels.py": files(plain.LSTM, plain.GRU, plain.RNN),
    "test_dynamic_kernels.py": files(*DYNAMIC),
    "test_kernels.py": {Path(source).stem for group in MAC for kernel in group
                        for source in (kernel.source, *kernel.headers)},
    "test_float_boards.py": {f"eq_{op}_{t}_f32" for op in ("conv2d", "dwconv2d")
                             for t in ("s8", "s16")},
}
pytestmark = pytest.mark.qemu


def every_operator() -> Graph:
    """Each kernel of this file at least once, with 8 and with 16 bits where it has both."""
    b = Builder()
    x = b.tensor("x", SHAPE, params(0.03, -7))
    z = b.tensor("z", SHAPE, params(0.05, 11))
    w = b.tensor("w", SHAPE, params(2e-4, 0, 16))
    v = b.tensor("v", SHAPE, params(1e-4, 0, 16))
    index = b.tensor("index", (1, 5), params(1.0, 0, 32))
    table = b.tensor("table", (9, 4), params(0.03, 1), b.rng.integers(
        -128, 128, (9, 4)).astype(np.int8))
    slopes = b.tensor("slopes", (8,), params(1e-5, 0, 16), b.rng.integers(
        -32768, 32768, 8).astype(np.int16))
    for axis in (1, 3):
        b.add(ArgExtreme, (x,), axis=axis, is_max=axis == 1)
    less = b.add(Compare, (x, z), less=True, equal=False, greater=False)
    b.add(Select, (less, x, z))
    b.add(CumSum, (x,), axis=2)
    b.add(SquaredDifference, (x, z))
    b.add(Div, (x, z))
    b.add(Embedding, (table, index))
    b.add(OneHot, (index,), depth=7)
    b.add(TopK, (x,), k=3)
    b.add(L2Norm, (x,), params(1 / 128, 0))
    fine = params(2.0**-20, 0, 32)
    factors, offsets = (b.tensor(n, (8,), fine, b.rng.integers(-2**20, 2**20, 8).astype(np.int32))
                        for n in ("factors", "offsets"))
    b.add(LayerNorm, (x, factors, offsets), epsilon=1e-5)
    b.add(LogSoftmax, (x,), params(16 / 256, 127))
    b.add(MaskedSoftmax, (x, less))
    place = b.add(MaxPlace, (x,), kernel=(2, 2), stride=(2, 2))
    most = b.add(MaxPool, (x,), kernel=(2, 2), stride=(2, 2))
    b.add(MaxUnpool, (most, place), size=(4, 6), columns=2, stride=(2, 2))
    b.add(AveragePool, (x,), kernel=(3, 2), halves_up=True)
    deep = b.add(Reshape, (x,), to=(1, 2, 2, 2, 3, 2, 2, 2))
    turned = b.add(Transpose, (deep,), perm=(0, 7, 2, 5, 1, 4, 3, 6))
    b.add(Reshape, (turned,), to=SHAPE)
    b.add(Transpose, (x,), perm=(0, 3, 1, 2))
    b.add(Slice, (w,), cuts=(Cut(0, 1, 1), Cut(3, 2, -2), Cut(1, 4, 1), Cut(0, 3, 2)))
    for source in (x, w):
        b.add(ResizeNearest, (source,), size=(7, 5))
        b.add(ResizeBilinear, (source,), size=(7, 5), half_pixel=True)
        weights(b, source)
    products(b, x, z)
    products(b, w, v)
    b.add(Requantize, (x,), params(1e-3, 0, 16))
    b.add(Requantize, (w,), params(0.06, 3))
    b.add(Requantize, (w,), params(3e-4, 0, 16))
    b.add(Requantize, (w,), params(1e-7, 0, 32))
    b.add(Softmax, (x,), params(1 / 65536, -32768, 16))
    wide(b, w, v, slopes)
    boxes(b, x, z)
    sums(b, x)
    read = {n for op in b.ops for n in op.ins}
    outs = tuple(n for op in b.ops for n in op.outs if n not in read)
    return Graph(b.tensors, tuple(b.ops), ("x", "z", "w", "v", "index"), outs, "every")


def weights(b: Builder, source: str) -> None:
    """A transposed convolution of `source`."""
    q, rows = b.tensors[source].params, 3
    w = b.tensor(f"{source}_w", (rows, 3, 2, 8), params(0.01, 0), b.rng.integers(
        -127, 128, (rows, 3, 2, 8)).astype(np.int8))
    bias = b.tensor(f"{source}_b", (rows,), params(0.01 * float(q.scale), 0, 32), b.rng.integers(
        -900, 900, rows).astype(np.int32))
    b.add(TransposeConv, (source, w, bias), params(1e-3, 0, 16) if q.bits == 16 else
          params(0.2, 3), size=(8, 12), stride=(2, 2))


def products(b: Builder, left: str, right: str) -> None:
    """(4, 6, 8) times (4, 8, 6) of two activations."""
    axes = plain_axes(4)
    wide_out = b.tensors[left].params.bits == 16
    b.add(MatMul, (left, right), params(1e-3, 0, 16) if wide_out else None, a_axes=axes,
          b_axes=plain_axes(4, True), y_axes=axes)


def wide(b: Builder, w: str, v: str, slopes: str) -> None:
    """What else computes in 16 bits."""
    for kind in (Add, Sub, Mul):
        b.add(kind, (w, v))
    for kind in (Logistic, Tanh, Gelu, Softmax):
        b.add(kind, (w,))
    b.add(LeakyRelu, (w,), alpha=0.2)
    b.add(PRelu, (w, slopes), params(2e-4, 0, 16))
    b.add(MinMax, (w, v), is_max=True)
    b.add(Concat, (w, v), params(2e-4, 0, 16), axis=3)
    b.add(AveragePool, (w,), kernel=(3, 2))
    b.add(MaxPool, (w,), kernel=(3, 2))
    b.add(Mean, (w,), axes=(1, 2))


def boxes(b: Builder, x: str, z: str) -> None:
    """Codes of boxes in `x` and scores in `z`: those that overlap better ones go."""
    codes = b.add(Reshape, (x,), to=(1, BOXES, 4))
    scores, rows = (b.add(Reshape, (z,), to=to) for to in ((1, BOXES, 4), (1, 4, BOXES)))
    places = b.rng.uniform((0.1, 0.1, 0.1, 0.1), (0.9, 0.9, 0.4, 0.4), (BOXES, 4))
    q = params(2.0**-14, 0, 16)
    anchors = b.tensor("anchors", (BOXES, 4), q, q.quantize(places))
    for regular in (False, True):
        for part in (1.0, 5.0):  # of an anchor: with 1.0 some sizes saturate
            b.add(Detections, (codes, scores, anchors), most=40, threshold=0.2, overlap=0.4,
                  parts=(10.0, 10.0, part, part), background=1, regular=regular, per_class=5)
    for centred in (False, True):
        b.add(NonMaxSuppression, (codes, rows), most=40, overlap=0.15, threshold=-2.0,
              centred=centred)


def sums(b: Builder, x: str) -> None:
    """The mean over both axes in two steps, along each and with both ways of rounding."""
    q, (_, rows, columns, c) = b.tensors[x].params, SHAPE
    for axis, n in ((1, columns), (2, rows)):
        of_rows = b.add(RowSums, (x,), RowSums.params(q, n), axis=axis)
        b.add(MeanOfSums, (of_rows,), q, to=(1, 1, 1, c), count=rows * columns,
              halves_up=axis == 1)


def inputs(graph: Graph, n: int) -> list[NDArray[np.signedinteger]]:
    rng, found = np.random.default_rng(8), []
    for name in graph.ins:
        t = graph.tensor(name)
        low, high = (-3, 12) if t.params.bits == 32 else (t.params.qmin, t.params.qmax + 1)
        dtype = {8: np.int8, 16: np.int16, 32: np.int32}[t.params.bits]
        found.append(rng.integers(low, high, (n, *t.shape[1:])).astype(dtype))
    return found


on_boards = pytest.mark.parametrize("board", [
    pytest.param(board, marks=() if board in OFTEN else pytest.mark.slow) for board in BOARDS])


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@on_boards
def test_every_operator(board: str, compiler: str | None, tmp_path: Path) -> None:
    target, graph = load_board(board), every_operator()
    skip_without_tools(target, compiler)
    write(emit(lower(graph, Target(target))), tmp_path / "out")
    xs = inputs(graph, 3)
    run = run_folder(tmp_path / "out", target, xs, compiler=compiler)
    want = run_int(graph, dict(zip(graph.ins, xs, strict=True)))
    for name, got in zip(graph.outs, run.outputs, strict=True):
        np.testing.assert_array_equal(got.reshape(want[name].shape), want[name], name)


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@on_boards
def test_every_state(board: str, compiler: str | None, tmp_path: Path) -> None:
    """Two sequences, so that the second shows a reset."""
    target, graph = load_board(board), every_state()
    skip_without_tools(target, compiler)
    write(emit(lower(graph, Target(target))), tmp_path / "out")
    x = np.random.default_rng(4).integers(-128, 128, (2, 9, STEP, IN_C)).astype(np.int8)
    run = run_folder(tmp_path / "out", target, [x], compiler=compiler)
    want = run_steps(graph, {"x": x})
    for name, got in zip(graph.outs, run.outputs, strict=True):
        assert len(np.unique(want[name])) > 9, name
        np.testing.assert_array_equal(got.reshape(want[name].shape), want[name], name)


def test_no_kernel_is_left_out() -> None:
    """Every external function of runtime_c has a trial."""
    runtime, found = resource_dir("runtime_c"), set[str]()
    for folder in ("ops", "kernels"):
        for path in (runtime / folder).glob("*.c"):
            text = path.read_text()
            found |= set(re.findall(rf"^void ({path.stem})\(", text, re.M))
    plans = [lower(graph, Target(load_board(board))) for board in BOARDS
             for graph in (every_operator(), every_state())]
    here = {Path(source).stem for plan in plans for call in plan.calls for source in call.sources}
    tried = here | set().union(*ELSEWHERE.values())
    assert found - tried == set()

