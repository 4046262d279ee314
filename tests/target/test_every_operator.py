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
from plain_trials import FAMILIES

from edgeq import kernels
from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.kernels import plain
from edgeq.lower import lower
from edgeq.ops.activations import Gelu, LeakyRelu, Logistic, Tanh
from edgeq.ops.argextreme import ArgExtreme
from edgeq.ops.base import Fixed, Integers, Op, SameAsInput
from edgeq.ops.compare import Compare
from edgeq.ops.concat import Concat
from edgeq.ops.cumsum import CumSum
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
from edgeq.ops.select import Select
from edgeq.ops.softmax import Softmax
from edgeq.ops.topk import TopK
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.resources import resource_dir
from edgeq.target import run_folder

BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53",
          "cortex-a55")
OFTEN = ("cortex-m0plus", "cortex-m55", "cortex-a53")  # the others are slow tests
SHAPE = (1, 4, 6, 8)
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
# no trial of the function itself under QEMU; tests/ops and tests/graphs run it on this machine
# (Helium's steps share all but the state with eq_*_s8_mve)
STEPS = {f"eq_{layer}_step_s8{isa}" for layer in ("gru", "lstm", "rnn") for isa in ("", "_mve")}
UNTRIED = {"eq_detections", "eq_detections_regular", "eq_mean_of_sums_s8", "eq_nms_s8",
           "eq_rowsums_s8", "eq_shift", "eq_svdf_s8", *STEPS}
pytestmark = pytest.mark.qemu


class Builder:
    """A graph of operators that all read the inputs, or what others gave."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.rng = np.random.default_rng(5)

    def tensor(self, name: str, shape: tuple[int, ...], q: QuantParams,
               data: NDArray[np.signedinteger] | None = None) -> str:
        self.tensors[name] = Tensor(name, shape, data, q)
        return name

    def add(self, kind: type[Op], ins: tuple[str, ...], q: QuantParams | None = None,
            **fields: object) -> str:
        """The first output of a new operator; `q` where its rule leaves a choice."""
        name = f"n{len(self.ops)}_{kind.__name__.lower()}"
        op = kind(name=name, ins=ins, outs=(name,), **fields)
        shapes = op.shape(*(self.tensors[n].shape for n in ins))
        names = (name, *(f"{name}_{i}" for i in range(1, len(shapes))))
        op = kind(name=name, ins=ins, outs=names, **fields)
        for i, (out, shape) in enumerate(zip(names, shapes, strict=True)):
            self.tensor(out, shape, self.params(op, i, q))
        self.ops.append(op)
        return name

    def params(self, op: Op, i: int, q: QuantParams | None) -> QuantParams:
        rule = op.output_rule(i)
        wide = self.tensors[op.ins[0]].params.bits == 16
        if isinstance(rule, Integers):
            return params(1.0, 0, rule.bits)
        if q is not None:
            return q
        if isinstance(rule, SameAsInput):
            return self.tensors[op.ins[rule.index]].params
        if isinstance(rule, Fixed):
            return params(1 / 32768, 0, 16) if wide else params(rule.scale, rule.zero)
        return params(1e-3, 0, 16) if wide else params(0.07, 9)


def params(scale: float, zero: int, bits: int = 8) -> QuantParams:
    return QuantParams(np.array(scale), np.array(zero, np.int32), bits)


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


def inputs(graph: Graph, n: int) -> list[NDArray[np.signedinteger]]:
    rng, found = np.random.default_rng(8), []
    for name in graph.ins:
        t = graph.tensor(name)
        low, high = (-3, 12) if t.params.bits == 32 else (t.params.qmin, t.params.qmax + 1)
        dtype = {8: np.int8, 16: np.int16, 32: np.int32}[t.params.bits]
        found.append(rng.integers(low, high, (n, *t.shape[1:])).astype(dtype))
    return found


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@pytest.mark.parametrize("board", [
    pytest.param(board, marks=() if board in OFTEN else pytest.mark.slow) for board in BOARDS])
def test_every_operator(board: str, compiler: str | None, tmp_path: Path) -> None:
    target, graph = load_board(board), every_operator()
    skip_without_tools(target, compiler)
    write(emit(lower(graph, Target(target))), tmp_path / "out")
    xs = inputs(graph, 3)
    run = run_folder(tmp_path / "out", target, xs, compiler=compiler)
    want = run_int(graph, dict(zip(graph.ins, xs, strict=True)))
    for name, got in zip(graph.outs, run.outputs, strict=True):
        np.testing.assert_array_equal(got.reshape(want[name].shape), want[name], name)


def test_no_kernel_is_left_out() -> None:
    """Every external function of runtime_c has a trial, but for those known to have none."""
    runtime, found = resource_dir("runtime_c"), set[str]()
    for folder in ("ops", "kernels"):
        for path in (runtime / folder).glob("*.c"):
            text = path.read_text()
            found |= set(re.findall(rf"^void ({path.stem})\(", text, re.M))
    plans = [lower(every_operator(), Target(load_board(board))) for board in BOARDS]
    here = {Path(source).stem for plan in plans for call in plan.calls for source in call.sources}
    tried = here | set().union(*ELSEWHERE.values())
    assert found - tried == UNTRIED

