"""Streamed models give the bytes of the model over the window, or over the whole sequence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import shared
from native import Native
from small_graphs import Builder
from time_graphs import (
    TimeBuilder,
    as_input,
    ds_cnn,
    frames_of,
    gated_net,
    steps_of,
    tcn,
    tcn_last,
    valid_net,
    windowed,
)

from edgeq.board import HOST, Target, load_board
from edgeq.cli import main
from edgeq.emit import emit
from edgeq.errors import UnsupportedError, UsageError
from edgeq.execute import run_int, run_steps
from edgeq.folder import write
from edgeq.host import HostModel, run_sanitized
from edgeq.ir import Graph, IntArray, QuantParams, Tensor
from edgeq.lower import lower
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.pool import AveragePool
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.ops.row_sums import MeanOfSums, RowSums
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import Recipe, load_recipe
from edgeq.streaming import StreamMode, StreamOptions, StreamSave, stream

WINDOW, SEQUENCE = StreamMode.WINDOW, StreamMode.SEQUENCE
NETS: dict[str, tuple[Callable[[], Graph], tuple[int, ...]]] = {  # with the hops to try
    "ds_cnn": (ds_cnn, (2, 4, 10, 20)),
    "valid": (valid_net, (4, 8, 28)),
    "gated": (gated_net, (2, 6)),
    "tcn": (tcn, (1, 3, 15)),
    "tcn_last": (tcn_last, (1, 4, 8)),  # the window is shorter than its reach
    "tcn_long": (partial(tcn_last, frames=24), (1, 5)),
}


def on_host(graph: Graph, folder: Path, steps: IntArray) -> tuple[IntArray, ...]:
    """The steps through the generated C."""
    write(emit(lower(graph, Target(HOST), "net")), folder)
    return HostModel(folder).run(steps)


@pytest.mark.parametrize("save", StreamSave)
@pytest.mark.parametrize(("name", "hop"), [(n, h) for n, (_, hops) in NETS.items() for h in hops])
def test_every_step_gives_what_the_newest_window_gives(name: str, hop: int, save: StreamSave,
                                                       tmp_path: Path) -> None:
    """With StreamSave.RAM rows near the ends are computed anew from the frames."""
    graph = NETS[name][0]()
    made = stream(graph, StreamOptions(WINDOW, hop, save=save)).graph
    frames = frames_of(graph, 1, hop * (2 * 32 // hop + 2))
    steps = steps_of(frames, hop, 1)
    want, got = windowed(graph, frames, hop, 1), run_steps(made, {"x": steps})
    for out in graph.outs:
        np.testing.assert_array_equal(got[out], np.stack(want[out], 1), out)
    for out, value in zip(made.outs, on_host(made, tmp_path, steps), strict=True):
        np.testing.assert_array_equal(value.reshape(got[out].shape), got[out], out)


@pytest.mark.parametrize("halves_up", [False, True])
@pytest.mark.parametrize("axis", [1, 2])
def test_an_average_of_sums_is_the_average(native: Native, axis: int, halves_up: bool) -> None:
    """Of odd and even counts, with sums of either sign."""
    rng = np.random.default_rng(axis)
    for h, w, c, zero in ((5, 3, 7, -128), (4, 6, 16, 3), (9, 2, 1, 127)):
        x = rng.integers(-128, 128, (40, h, w, c)).astype(np.int8)
        x[::2] = np.clip(x[::2] // 40 - 1, -3, 2)
        q = QuantParams(np.asarray(0.5), np.asarray(zero, np.int32), 8)
        rows, n = (h, w) if axis == 1 else (w, h)
        tensors = {"x": Tensor("x", (1, h, w, c), None, q), "y": Tensor("y", (1, 1, 1, c), None, q),
                   "s": Tensor("s", (1, rows, c), None, RowSums.params(q, n))}
        pool = AveragePool(name="pool", ins=("x",), outs=("y",), kernel=(h, w),
                           halves_up=halves_up)
        sums = RowSums(name="sums", ins=("x",), outs=("s",), axis=axis)
        mean = MeanOfSums(name="mean", ins=("s",), outs=("y",), to=(1, 1, 1, c), count=h * w,
                          halves_up=halves_up)
        graph = Graph(tensors, (sums, mean), ("x",), ("y",))
        (want,) = pool.run_int(graph, x)
        (kept,) = sums.run_int(graph, x)
        np.testing.assert_array_equal(mean.run_int(graph, kept)[0], want)
        for i in range(len(x)):
            np.testing.assert_array_equal(native.run(sums, graph, x[i:i + 1])[0], kept[i:i + 1])
            np.testing.assert_array_equal(native.run(mean, graph, kept[i:i + 1])[0],
                                          want[i:i + 1])


@pytest.mark.parametrize("board", ["cortex-m55", "cortex-m4"])
def test_kws_keeps_less_than_its_window(board: str, shared: Callable[[str], Path]) -> None:
    graph = simplify(read(shared("models/mlperf_kws_int8.tflite")))
    target = Target(load_board(board))
    made = stream(graph, StreamOptions(WINDOW, save=StreamSave.RAM)).graph
    plans = [lower(g, target) for g in (made, graph)]
    assert plans[0].placement.arena < plans[1].placement.arena
    assert sum(c.macs for c in plans[0].calls) < 0.75 * sum(c.macs for c in plans[1].calls)
    frames = frames_of(graph, 1, 2 * 40)
    got = run_steps(made, {graph.ins[0]: steps_of(frames, 2, 1)})
    for out, rows in windowed(graph, frames, 2, 1).items():
        np.testing.assert_array_equal(got[out], np.stack(rows, 1))


@pytest.mark.parametrize(("name", "mode", "most"), [
    ("ds_cnn", WINDOW, 0.7), ("valid", WINDOW, 0.4), ("tcn", SEQUENCE, 0.06),
    ("tcn_last", WINDOW, 0.75), ("tcn_long", WINDOW, 0.06)])
def test_a_step_costs_less_than_the_window(name: str, mode: StreamMode, most: float) -> None:
    graph = NETS[name][0]()
    made = stream(graph, StreamOptions(mode)).graph
    part = sum(op.macs(made) for op in made.ops) / sum(op.macs(graph) for op in graph.ops)
    assert part < most


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("hop", [1, 2, 5])
def test_a_causal_network_streams_the_rows_of_the_sequence(axis: int, hop: int,
                                                           tmp_path: Path) -> None:
    graph = tcn(frames=20, axis=axis)
    made = stream(graph, StreamOptions(hop=hop, axis=axis))
    assert made.mode is SEQUENCE
    frames = frames_of(graph, axis, 20)
    steps = steps_of(frames, hop, axis)
    (got,) = run_steps(made.graph, {"x": steps}).values()  # (n, steps, hop, channels)
    (want,) = run_int(graph, {"x": as_input(frames, axis)}).values()
    np.testing.assert_array_equal(got.reshape(want.shape), want)
    (host,) = on_host(made.graph, tmp_path, steps)
    np.testing.assert_array_equal(host.reshape(want.shape), want)
    (safe,) = run_sanitized(tmp_path, steps)
    np.testing.assert_array_equal(safe, host)


def test_time_behind_another_axis(tmp_path: Path) -> None:
    """Windows (1, bands, frames, channels): kept rows lie in as many blocks as there are bands."""
    b = TimeBuilder(np.random.default_rng(3))
    x = b.input("x", 3, 14, 2)
    y = b.conv(b.depthwise(x), 4)  # SAME in both directions
    graph = b.graph([x], [b.mean(b.along(y, 3, axis=2, stride=2), 1, 2)])
    made = stream(graph, StreamOptions(WINDOW, axis=2)).graph
    frames = frames_of(graph, 2, 36)
    steps = steps_of(frames, 2, 2)
    want, got = windowed(graph, frames, 2, 2), run_steps(made, {"x": steps})
    (out,) = graph.outs
    np.testing.assert_array_equal(got[out], np.stack(want[out], 1))
    (host,) = on_host(made, tmp_path, steps)
    np.testing.assert_array_equal(host.reshape(got[out].shape), got[out])


def test_layers_without_padding_delay_the_rows() -> None:
    b = TimeBuilder(np.random.default_rng(0))
    x = b.input("x", 16, 1, 3)
    y = b.along(b.along(x, 3), 2, dilation=2)
    graph = b.graph([x], [y])
    made = stream(graph, StreamOptions(hop=1))
    assert made.framing.outputs[y].delay == 4
    frames = frames_of(graph, 1, 16)
    windows = made.framing.to_steps("x", as_input(frames, 1))
    rows = made.framing.from_steps(y, run_steps(made.graph, {"x": windows})[y])
    np.testing.assert_array_equal(rows, run_int(graph, {"x": frames})[y])


def recurrent_graph(kind: type[Recurrent], last_only: bool) -> Graph:
    """A quantized layer over 12 frames, with a dense layer behind."""
    rng, units = np.random.default_rng(6), 7
    rows = kind.gates * units
    shapes = {"w": (rows, 5), "r": (rows, units), "b": (rows,), "c": (rows,)}
    ins = ("x", *"wrb", *("c" if kind is Gru else ""))
    op = kind(name="layer", ins=ins, outs=("h",), last_only=last_only)
    tensors = {n: Tensor(n, shapes[n], rng.normal(0, 0.4, shapes[n]).astype(np.float32))
               for n in ins[1:]}
    tensors |= {"x": Tensor("x", (1, 12, 5)),
                "h": Tensor("h", (1, units) if last_only else (1, 12, units))}
    x = rng.normal(0, 1, (16, 12, 5)).astype(np.float32)
    return quantize(Graph(tensors, (op,), ("x",), ("h",)), x, Recipe(rollback=False)).graph


@pytest.mark.parametrize("kind", [Lstm, Gru, Rnn])
@pytest.mark.parametrize("last_only", [False, True])
@pytest.mark.parametrize("hop", [1, 3])
def test_recurrent_layers_go_on_where_they_stopped(kind: type[Recurrent], last_only: bool,
                                                   hop: int, tmp_path: Path) -> None:
    graph = recurrent_graph(kind, last_only)
    made = stream(graph, StreamOptions(hop=hop))
    assert made.mode is SEQUENCE
    frames = frames_of(graph, 1, 12)
    steps = steps_of(frames, hop, 1)
    (got,), (want,) = run_steps(made.graph, {"x": steps}).values(), run_int(
        graph, {"x": frames}).values()
    np.testing.assert_array_equal(got[:, -1] if last_only else got.reshape(want.shape), want)
    (host,) = on_host(made.graph, tmp_path, steps)
    np.testing.assert_array_equal(host.reshape(got.shape), got)
    (safe,) = run_sanitized(tmp_path, steps)
    np.testing.assert_array_equal(safe, host)


def test_reset_starts_anew(tmp_path: Path) -> None:
    """HostModel resets before each sequence: equal sequences give equal outputs."""
    graph = stream(ds_cnn(), StreamOptions()).graph
    steps = np.repeat(steps_of(frames_of(ds_cnn(), 1, 8), 2, 1)[:1], 3, 0)
    (got,) = on_host(graph, tmp_path, steps)
    assert len({row.tobytes() for row in got}) == 1


@pytest.mark.parametrize(("build", "options", "error", "message"), [
    (ds_cnn, StreamOptions(hop=3), UsageError, "a multiple of 2"),
    (ds_cnn, StreamOptions(hop=22), UsageError, "up to 21"),
    (ds_cnn, StreamOptions(axis=4), UsageError, "time-axis"),
    (tcn_last, StreamOptions(WINDOW, 9), UsageError, "keeps nothing"),
    (ds_cnn, StreamOptions(SEQUENCE), UnsupportedError, "looks ahead.*--stream window"),
    (tcn_last, StreamOptions(SEQUENCE, axis=3), UnsupportedError, "--stream window"),
])
def test_what_cannot_be_is_refused(build: Callable[[], Graph], options: StreamOptions,
                                   error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        stream(build(), options)


def test_padding_behind_a_delay_and_padded_pools_are_no_sequences() -> None:
    b = TimeBuilder(np.random.default_rng(0))
    x = b.input("x", 16, 1, 3)
    mixed = b.graph([x], [b.causal(b.along(x, 3), 2)])
    with pytest.raises(UnsupportedError, match="delays by 2 rows"):
        stream(mixed, StreamOptions(SEQUENCE))
    b = TimeBuilder(np.random.default_rng(0))
    x = b.input("x", 16, 1, 3)
    pooled = b.graph([x], [b.pooled(x, 2, 1, AveragePool, (1, 0))])
    with pytest.raises(UnsupportedError, match="pools padding"):
        stream(pooled, StreamOptions(SEQUENCE))
    stream(pooled, StreamOptions(WINDOW))


def test_models_without_time_have_nothing_to_stream() -> None:
    b = Builder(np.random.default_rng(0))
    x = b.input("x", 8)
    graph = b.graph([x], [b.dense(x, 3)])
    made = stream(graph, StreamOptions(hop=2)).graph  # features as frames: a plain window
    steps = steps_of(frames_of(graph, 1, 12), 2, 1)
    want = windowed(graph, frames_of(graph, 1, 12), 2, 1)
    for out, got in run_steps(made, {"x": steps}).items():
        np.testing.assert_array_equal(got, np.stack(want[out], 1))


@pytest.mark.parametrize(("model", "hop"), [("mlperf_kws_int8", 2), ("mlperf_kws_int8", 10)])
def test_the_real_keyword_network(model: str, hop: int, tmp_path: Path) -> None:
    graph = simplify(read(shared(f"models/{model}.tflite")))
    made = stream(graph, StreamOptions(hop=hop)).graph
    frames = frames_of(graph, 1, 60)
    steps = steps_of(frames, hop, 1)
    want = windowed(graph, frames, hop, 1)
    for out, got in zip(made.outs, on_host(made, tmp_path, steps), strict=True):
        np.testing.assert_array_equal(got.reshape(2, -1, 12), np.stack(want[out], 1)[..., :])
    assert sum(op.macs(made) for op in made.ops) < (0.42 if hop == 2 else 0.75) * sum(
        op.macs(graph) for op in graph.ops)


@pytest.mark.parametrize(("model", "calib"), [
    ("arm_kws_lstm_s_float32.tflite", "arm_kws_mfcc_calib.npz"),
    ("arm_kws_gru_s_float32.onnx", "arm_kws_gru_mfcc_calib.npz"),
    ("arm_kws_ds_cnn_s_float32.tflite", "arm_kws_mfcc_calib.npz"),
])
def test_real_networks_at_the_end_of_a_window(model: str, calib: str, tmp_path: Path) -> None:
    """Through the framing that `edgeq eval` uses: whole recordings in, the last answer out."""
    if model.endswith(".onnx"):
        pytest.importorskip("onnx")
    real = simplify(read(shared(f"models/{model}")))
    (name,), (out,) = real.ins, real.outs
    x = np.load(shared(f"data/{calib}"))["x"].astype(np.float32)
    x = x.reshape(len(x), *real.tensor(name).shape[1:])
    graph = quantize(real, x[:32], load_recipe("fast")).graph
    made = stream(graph, StreamOptions())
    q = graph.tensor(name).params.quantize(x[:6])
    (rows,) = on_host(made.graph, tmp_path, made.framing.to_steps(name, q))
    got = made.framing.from_steps(out, rows)
    np.testing.assert_array_equal(got, run_int(graph, {name: q})[out])


def command(*args: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(args)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Build, evaluate, run and profile a streamed LSTM: M55 kernels, bytes of the host."""
    model, data = shared("models/arm_kws_lstm_s_float32.tflite"), shared(
        "data/arm_kws_mfcc_eval.npz")
    out = tmp_path / "out"
    assert command("build", str(model), "--board", "cortex-m55", "--calib", str(data), "--recipe",
                   "fast", "--stream", "auto", "-o", str(out)) == 0
    assert "1 frames a step" in capsys.readouterr().out
    assert command("eval", str(out), "--data", str(data), "--json") == 0
    assert json.loads(capsys.readouterr().out)["int_accuracy"] > 0.8
    assert command("build", str(model), "--board", "cortex-m55", "--calib", str(data),
                   "--hop", "1", "-o", str(tmp_path / "no")) == 2
    if shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("qemu-system-arm or arm-none-eabi-gcc is not installed")
    assert command("run", str(out), "--qemu") == 0
    assert command("profile", str(out), "--json") == 0
    report = json.loads((out / "report.json").read_text())
    assert report["instructions"] < report["streaming"]["window_instructions"] / 40
