"""Models that take and give their state: kept inside when built, the same bytes everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx_models import OnnxFile  # noqa: E402
from time_graphs import TimeBuilder  # noqa: E402

from edgeq.board import HOST, Target  # noqa: E402
from edgeq.cli import main  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.errors import UnsupportedError, UsageError  # noqa: E402
from edgeq.execute import run_float, run_float_steps, run_steps  # noqa: E402
from edgeq.explicit_states import closed, opened, with_state_values  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.host import HostModel  # noqa: E402
from edgeq.ir import Graph, State, same_params  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.ops.recurrent import Recurrent  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.readers import ReadOptions, read  # noqa: E402
from edgeq.recipe import Recipe  # noqa: E402

UNITS, IN_C = 5, 3
RNG = np.random.default_rng(12)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def layer_file(folder: Path, kind: str, steps: int = 1, *, both: bool = False, batch_first: bool,
               **attrs: int) -> tuple[Path, tuple[tuple[str, str], ...]]:
    """A layer with its states as inputs and outputs, and the pairs of these."""
    m, dirs, rows = OnnxFile(), 2 if both else 1, GATES[kind] * UNITS
    time_first = (steps, 1, IN_C), (dirs, 1, UNITS)
    x, state = ((1, steps, IN_C), (1, dirs, UNITS)) if batch_first else time_first
    ins = [m.input("x", x), m.random("w", dirs, rows, IN_C), m.random("r", dirs, rows, UNITS),
           m.random("b", dirs, 2 * rows), "", m.input("h", state)]
    outs, pairs = ["y", "h_next"], (("h", "h_next"),)
    if kind == "LSTM":
        ins, outs, pairs = [*ins, m.input("c", state)], [*outs, "c_next"], (
            *pairs, ("c", "c_next"))
    m.op(kind, ins, outs, hidden_size=UNITS, layout=int(batch_first),
         direction="bidirectional" if both else "forward", **attrs)
    return m.write(folder / "m.onnx", *outs), pairs


@pytest.mark.parametrize(("kind", "attrs"), [
    ("LSTM", {}), ("GRU", {"linear_before_reset": 0}), ("GRU", {"linear_before_reset": 1}),
    ("RNN", {})])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("steps", [1, 4])
def test_given_states_are_those_of_onnx_runtime(kind: str, attrs: dict[str, int], both: bool,
                                                steps: int, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    path, _ = layer_file(tmp_path, kind, steps, both=both, batch_first=False, **attrs)
    whole = read(path)
    graph = simplify(whole)
    given = {n: RNG.normal(size=whole.tensor(n).shape).astype(np.float32) for n in graph.ins}
    wanted = ort.InferenceSession(path).run(list(graph.outs), given)
    got = run_float(graph, {n: x.reshape(graph.tensor(n).shape) for n, x in given.items()})
    for name, want in zip(graph.outs, wanted, strict=True):
        np.testing.assert_allclose(got[name].reshape(want.shape), want, atol=1e-5)


def test_many_steps_from_a_given_state_are_refused(tmp_path: Path) -> None:
    path, _ = layer_file(tmp_path, "LSTM", 33, batch_first=False)
    with pytest.raises(UnsupportedError, match="33 steps from a given state"):
        read(path)


def packed_file(folder: Path, damped: bool) -> tuple[Path, tuple[tuple[str, str], ...]]:
    """Two LSTM whose states lie in one tensor (2, 2, 1, units), as exports of Keras have them.

    Where `damped`, the second layer starts from half of its state, and cannot keep it itself.
    """
    m = OnnxFile()
    x, packed = m.input("x", (1, 1, IN_C)), m.input("s", (2, 2, 1, UNITS))
    rows, parts = 4 * UNITS, []
    for i in range(2):
        ends = []
        for k, what in enumerate("hc"):
            m.op("Slice", [packed, m.integers(f"from{i}{what}", i, k),
                           m.integers(f"to{i}{what}", i + 1, k + 1)], f"cut{i}{what}")
            m.op("Reshape", [f"cut{i}{what}", m.integers(f"shape{i}{what}", 1, 1, UNITS)],
                 f"{what}{i}")
            ends.append(f"{what}{i}")
        if i and damped:
            ends[0] = m.op("Mul", ["h1", m.const("half", np.float32(0.5))], "less")
        in_c = UNITS if i else IN_C
        m.op("LSTM", [x, m.random(f"w{i}", 1, rows, in_c), m.random(f"r{i}", 1, rows, UNITS), "",
                      "", *ends], [f"y{i}", f"hn{i}", f"cn{i}"], hidden_size=UNITS)
        x = m.op("Squeeze", [f"y{i}", m.integers(f"axis{i}", 1)], f"z{i}")
        parts.append(m.op("Concat", [f"hn{i}", f"cn{i}"], f"p{i}", axis=1))
    m.op("Concat", parts, "both", axis=0)
    m.op("Reshape", ["both", m.integers("whole", 2, 2, 1, UNITS)], "s_next")
    return m.write(folder / "m.onnx", x, "s_next"), (("s", "s_next"),)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "packed", "damped"])
def test_a_kept_state_gives_the_same_bytes_in_c(kind: str, tmp_path: Path) -> None:
    path, pairs = (layer_file(tmp_path, kind, batch_first=False) if kind in GATES
                   else packed_file(tmp_path, kind == "damped"))
    graph = simplify(read(path, ReadOptions(states=pairs)))
    assert sum(isinstance(op, Recurrent) for op in graph.ops) == {"packed": 2, "damped": 0}.get(
        kind, 1)
    x = RNG.normal(size=(120, 1, IN_C)).astype(np.float32)
    samples = with_state_values(graph, {"x": x})
    assert set(samples) == set(graph.ins)
    assert all(samples[s.source][1:].any() for s in graph.states)
    ints = quantize(graph, tuple(samples[n] for n in graph.ins), Recipe(rollback=False)).graph
    step = closed(ints)
    assert step.ins == ("x",)
    assert len(step.outs) == 1
    for state in step.states:
        assert same_params(step.tensor(state.source).params, step.tensor(state.result).params)
    q = step.tensor("x").params.quantize(x)[None]
    (got,) = run_steps(step, {"x": q}).values()
    write(emit(lower(step, Target(HOST), "net")), tmp_path / "out")
    (host,) = HostModel(tmp_path / "out").run(q)
    np.testing.assert_array_equal(host.reshape(got.shape), got)
    (real,) = run_float_steps(closed(graph), {"x": x[None]}).values()
    error = step.tensor(step.outs[0]).params.dequantize(got) - real
    assert 10 * np.log10(np.sum(real**2) / np.sum(error**2)) > (10 if kind == "damped" else 25)


def test_packed_states_follow_onnx_runtime(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    for damped in (False, True):
        path, pairs = packed_file(tmp_path, damped)
        graph = closed(simplify(read(path, ReadOptions(states=pairs))))
        x = RNG.normal(size=(9, 1, IN_C)).astype(np.float32)
        state, wanted = np.zeros((2, 2, 1, UNITS), np.float32), []
        session = ort.InferenceSession(path)
        for frame in x:
            y, state = session.run(None, {"x": frame[None], "s": state})
            wanted.append(y.reshape(-1))
        (got,) = run_float_steps(graph, {"x": x[None]}).values()
        np.testing.assert_allclose(got.reshape(9, -1), wanted, atol=1e-5)


def test_states_that_wait_for_each_other(tmp_path: Path) -> None:
    """A chain of delays is copied in the right order; two that change places cannot be."""
    b = TimeBuilder(np.random.default_rng(1))
    x, s, t = b.input("x", 4), b.input("s", 4), b.input("t", 4)
    for name in (s, t):
        b.tensors[name] = b.tensors[x].__class__(name, (1, 4), q=b.tensors[x].q)
    graph = b.graph([x, s, t], [b.add(b.add(x, s), t)])
    y = graph.outs[0]
    chain = Graph(graph.tensors, graph.ops, ("x",), (y,), "chain", {},
                  (State("t", "s"), State("s", "x")))
    q = np.arange(-20, 20, dtype=np.int8).reshape(1, 10, 4)
    (got,) = run_steps(chain, {"x": q}).values()
    write(emit(lower(chain, Target(HOST), "net")), tmp_path)
    (host,) = HostModel(tmp_path).run(q)
    np.testing.assert_array_equal(host, got)
    swapped = Graph(graph.tensors, graph.ops, ("x",), (y,), "swap", {},
                    (State("t", "s"), State("s", "t")))
    with pytest.raises(UnsupportedError, match="take each other's values"):
        lower(swapped, Target(HOST))


@pytest.mark.parametrize(("pair", "message"), [
    (("z", "h_next"), "no input"), (("h", "z"), "no output"), (("h", "y"), "the same shape")])
def test_pairs_that_cannot_be(pair: tuple[str, str], message: str, tmp_path: Path) -> None:
    path, _ = layer_file(tmp_path, "GRU", 2, batch_first=False)
    graph = read(path)
    with pytest.raises(UsageError, match=message):
        opened(graph, (pair,))


def test_a_turned_result_comes_back_in_the_order_of_its_source(tmp_path: Path) -> None:
    """The reader moves the channels of a convolution's input and output, not of a product's."""
    ort = pytest.importorskip("onnxruntime")
    m = OnnxFile()
    x, s = m.input("x", (1, 2, 3, 4)), m.input("s", (1, 2, 3, 4))
    m.op("Conv", [x, m.random("w", 2, 2, 1, 1)], "c")
    m.op("Mul", [s, m.const("half", np.float32(0.5))], "old")
    m.op("Reshape", ["old", m.integers("flat", 1, 24)], "flat_old")
    m.op("Reshape", ["flat_old", m.integers("back", 1, 2, 3, 4)], "back_old")
    m.op("Add", ["c", "back_old"], "next")
    m.op("Relu", ["next"], "y")
    path = m.write(tmp_path / "m.onnx", "y", "next")
    graph = simplify(read(path, ReadOptions(states=(("s", "next"),))))
    frames = RNG.normal(size=(5, 1, 2, 3, 4)).astype(np.float32)
    state, wanted = np.zeros((1, 2, 3, 4), np.float32), []
    session = ort.InferenceSession(path)
    for frame in frames:
        y, state = session.run(["y", "next"], {"x": frame, "s": state})
        wanted.append(y[0])

    def moved(values: np.ndarray, name: str) -> np.ndarray:
        perm = graph.moved.get(name)
        return values if perm is None else values.transpose(np.argsort(perm))

    x_in = np.stack([moved(f, "x") for f in frames], 1)
    (got,) = run_float_steps(closed(graph), {"x": x_in}).values()
    want = np.stack([moved(w[None], "y")[0] for w in wanted])
    np.testing.assert_allclose(got[0], want, atol=1e-5)


def test_branches_with_known_conditions_and_fixed_inputs(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    def branch(name: str, factor: float) -> onnx.GraphProto:
        k = numpy_helper.from_array(np.float32(factor), f"{name}_k")
        node = helper.make_node("Mul", ["p", f"{name}_k"], [f"{name}_y"])
        out = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)
        return helper.make_graph([node], name, [], [out], [k])

    m = OnnxFile()
    m.input("x", (1, 4))
    m.input("rate", (), TensorProto.INT64)
    m.op("Pad", ["x", m.integers("pads", 0, 2, 0, 3)], "p", mode="reflect")
    m.op("Equal", ["rate", m.const("want", np.int64(16000))], "is16k")
    m.op("If", ["is16k"], "y", then_branch=branch("then", 2.0), else_branch=branch("other", 3.0))
    path = m.write(tmp_path / "m.onnx", "y")
    x = np.array([[1, -2, 3, 4]], np.float32)
    for rate in (16000, 8000):
        graph = simplify(read(path, ReadOptions(values={"rate": rate})))
        assert graph.ins == ("x",)
        (want,) = ort.InferenceSession(path).run(None, {"x": x, "rate": np.array(rate)})
        np.testing.assert_allclose(run_float(graph, {"x": x})["y"], want)
    with pytest.raises(UsageError, match="no such input"):
        read(path, ReadOptions(values={"nothing": 1}))


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, pairs = layer_file(tmp_path, "LSTM", batch_first=True)
    data, out = tmp_path / "x.npy", tmp_path / "out"
    np.save(data, RNG.normal(size=(64, 1, IN_C)).astype(np.float32))
    options = [o for s, r in pairs for o in ("--state", f"{s}={r}")]

    def code(*args: str) -> object:
        with pytest.raises(SystemExit) as end:
            main(args)
        return end.value.code

    assert code("build", str(path), "--board", "cortex-m4", "--calib", str(data), "--recipe",
                "fast", *options, "-o", str(out)) == 0
    assert json.loads((out / "report.json").read_text())["state_bytes"] == 3 * UNITS
    capsys.readouterr()
    assert code("eval", str(out), "--data", str(data), "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 64
    assert code("ops", str(path), "--state", "h") == 2
    assert code("build", str(path), "--board", "host", "--calib", str(data), *options, "--stream",
                "auto", "-o", str(tmp_path / "no")) == 2
    if shutil.which("qemu-system-arm") is not None and shutil.which("arm-none-eabi-gcc"):
        assert code("run", str(out), "--qemu", "--data", str(data)) == 0
