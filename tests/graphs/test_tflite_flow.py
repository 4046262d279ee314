"""TFLite files with variables, loops over time and branches, against LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tflite_models import ModelFile, dense_options, schema

from edgeq.board import HOST, Target
from edgeq.emit import emit
from edgeq.errors import ModelError, UnsupportedError
from edgeq.execute import run_float, run_float_steps, run_int, run_steps
from edgeq.explicit_states import closed, with_state_values
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.ops.dense import Dense
from edgeq.ops.rnn import Rnn
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read, tflite_flow
from edgeq.recipe import load_recipe

RNG = np.random.default_rng(3)
IN_C, UNITS, STEPS = 3, 4, 5


def f32(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def int32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def scalar(value: int) -> np.ndarray:
    return np.array(value, np.int32)


def rnn_cell(m: ModelFile, x: int, h: int, squash: str = "TANH") -> int:
    """tanh(w x + b + r h), or another function of the sums."""
    weights = [m.const(n, f32(UNITS, k)) for n, k in (("w", IN_C), ("r", UNITS))]
    bias, sums = m.const("b", f32(UNITS)), []
    for source, w in zip((x, h), weights, strict=True):
        sums.append(m.tensor(f"sum{w}", (1, UNITS)))
        m.op("FULLY_CONNECTED", [source, w, bias], [sums[-1]], dense_options())
    total, y = m.tensor("total", (1, UNITS)), m.tensor("h_next", (1, UNITS))
    m.op("ADD", sums, [total], schema.AddOptionsT())
    m.op(squash, [total], [y])
    return y


def loop_file(folder: Path, limit: int | None = STEPS, squash: str = "TANH") -> Path:
    """A loop over time as Keras exports a recurrent layer: a counter, gather, the cell, the rows
    written one by one; without a `limit` it ends when a value is large.
    """
    main = ModelFile()
    kinds = ("int32", "float32", "float32", "float32")
    shapes = ((), (STEPS, 1, IN_C), (1, UNITS), (STEPS, 1, UNITS))
    x = main.tensor("x", shapes[1])
    start = [main.const("t0", scalar(0)), x, main.const("h0", np.zeros(shapes[2], np.float32)),
             main.const("rows0", np.zeros(shapes[3], np.float32))]
    ends = [main.tensor(f"end{i}", s, k) for i, (s, k) in enumerate(zip(shapes, kinds,
                                                                       strict=True))]
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    main.op("WHILE", start, ends, options)
    return main.write(folder / "loop.tflite", [x], [ends[3], ends[2]],
                      (condition(main, shapes, kinds, limit), body(main, shapes, kinds, squash)))


Part = tuple[ModelFile, list[int], list[int]]


def condition(main: ModelFile, shapes: tuple[tuple[int, ...], ...], kinds: tuple[str, ...],
              limit: int | None) -> Part:
    m = main.inner()
    ins = [m.tensor(f"in{i}", s, k) for i, (s, k) in enumerate(zip(shapes, kinds, strict=True))]
    go_on = m.tensor("go_on", () if limit else (1,), "bool")
    if limit is None:
        flat = m.tensor("flat", (1,))
        m.op("REDUCE_MAX", [ins[2], m.const("axes", int32(1))], [flat], schema.ReducerOptionsT())
        m.op("LESS", [flat, m.const("most", np.float32(0.5))], [go_on], schema.LessOptionsT())
    else:
        m.op("LESS", [ins[0], m.const("limit", scalar(limit))], [go_on], schema.LessOptionsT())
    return m, ins, [go_on]


def body(main: ModelFile, shapes: tuple[tuple[int, ...], ...], kinds: tuple[str, ...],
         squash: str) -> Part:
    m = main.inner()
    t, x, h, rows = (m.tensor(f"in{i}", s, k)
                     for i, (s, k) in enumerate(zip(shapes, kinds, strict=True)))
    frame, later = m.tensor("frame", (1, IN_C)), m.tensor("later", (), "int32")
    m.op("GATHER", [x, t], [frame], schema.GatherOptionsT())
    y = rnn_cell(m, frame, h, squash)
    m.op("ADD", [t, m.const("one", scalar(1))], [later], schema.AddOptionsT())
    # rows[:t], the new row, rows[t + 1:], as converters lower TensorListSetItem
    row, next_rows = m.tensor("row", (1, 1, UNITS)), m.tensor("next_rows", shapes[3])
    m.op("EXPAND_DIMS", [y, m.const("axis", scalar(0))], [row], schema.ExpandDimsOptionsT())
    kept = m.tensor("kept", (STEPS - 1, 1, UNITS))
    m.op("SLICE", [rows, m.const("from", int32(1, 0, 0)), m.const("size", int32(-1, 1, UNITS))],
         [kept], schema.SliceOptionsT())
    joined = schema.ConcatenationOptionsT()
    joined.axis = 0
    m.op("CONCATENATION", [kept, row], [next_rows], joined)
    return m, [t, x, h, rows], [later, x, y, next_rows]


def lite(path: Path) -> Interpreter:
    made = Interpreter(model_path=str(path))
    made.allocate_tensors()
    return made


def outputs(model: Interpreter, x: np.ndarray) -> list[np.ndarray]:
    model.set_tensor(model.get_input_details()[0]["index"], x)
    model.invoke()
    return [model.get_tensor(d["index"]) for d in model.get_output_details()]


def in_c(graph: Graph, folder: Path, q: np.ndarray) -> tuple[np.ndarray, ...]:
    write(emit(lower(graph, Target(HOST), "net")), folder / "out")
    return HostModel(folder / "out").run(q)


def test_a_loop_over_a_known_cell_becomes_a_layer(tmp_path: Path) -> None:
    path = loop_file(tmp_path)
    graph = simplify(read(path))
    x = f32(STEPS, 1, IN_C)
    got = run_float(graph, {"x": x})
    for name, want in zip(graph.outs, outputs(lite(path), x), strict=True):
        np.testing.assert_allclose(got[name].reshape(want.shape), want, atol=1e-6)
    assert sum(isinstance(op, Rnn) for op in graph.ops) == 1
    assert not any(isinstance(op, Dense) for op in graph.ops)


def test_a_loop_over_time_becomes_its_turns(tmp_path: Path) -> None:
    path = loop_file(tmp_path, squash="RELU")
    graph = simplify(read(path))
    x = f32(STEPS, 1, IN_C)
    got = run_float(graph, {"x": x})
    for name, want in zip(graph.outs, outputs(lite(path), x), strict=True):
        np.testing.assert_allclose(got[name].reshape(want.shape), want, atol=1e-6)
    layers = [op for op in graph.ops if isinstance(op, Dense)]
    assert len({op.name for op in layers}) == len(layers) >= 2 * STEPS - 1
    weights = {graph.const(op.ins[1]).tobytes() for op in layers}
    assert len(weights) == 2  # of the input and of the state, in all turns


def test_the_weights_of_all_turns_are_stored_once(tmp_path: Path) -> None:
    graph = simplify(read(loop_file(tmp_path, squash="RELU")))
    x = f32(40 * STEPS, 1, IN_C)
    ints = quantize(graph, x, load_recipe("default")).graph
    q = ints.tensor("x").params.quantize(x[:STEPS])
    want = run_int(ints, {"x": q})
    plan = lower(ints, Target(HOST), "net")
    tables = {blob.data.tobytes() for call in plan.calls for blob in call.blobs
              if blob.name == "weights"}
    assert sum(len(t) for t in tables) == UNITS * (IN_C + UNITS)
    for name, got in zip(ints.outs, in_c(ints, tmp_path, q[None]), strict=True):
        np.testing.assert_array_equal(got.reshape(want[name].shape), want[name])


def test_loops_that_depend_on_values_or_do_not_end_are_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedError, match=r"WHILE.*known at run time only.*unroll"):
        read(loop_file(tmp_path, None))
    monkeypatch.setattr(tflite_flow, "MOST_TURNS", 3)
    with pytest.raises(UnsupportedError, match="more than 3 turns"):
        read(loop_file(tmp_path))


def variable_file(folder: Path, *, start: bool, assigned: bool = True) -> Path:
    """A cell whose state is a variable; `start`: CALL_ONCE gives it a first value."""
    main, others = ModelFile(), []

    def handle(m: ModelFile) -> int:
        made = m.tensor("handle", (), "resource")
        options = schema.VarHandleOptionsT()
        options.sharedName = b"state"
        m.op("VAR_HANDLE", [], [made], options)
        return made

    init = main.inner()
    first = init.const("first", f32(1, UNITS) if start else np.zeros((1, UNITS), np.float32))
    init.op("ASSIGN_VARIABLE", [handle(init), first], [], schema.AssignVariableOptionsT())
    others.append((init, [], []))
    options = schema.CallOnceOptionsT()
    options.initSubgraphIndex = 1
    main.op("CALL_ONCE", [], [], options)
    x, h = main.tensor("x", (1, IN_C)), main.tensor("h", (1, UNITS))
    variable = handle(main)
    main.op("READ_VARIABLE", [variable], [h], schema.ReadVariableOptionsT())
    y = rnn_cell(main, x, h)
    if assigned:
        main.op("ASSIGN_VARIABLE", [variable, y], [], schema.AssignVariableOptionsT())
    return main.write(folder / "variable.tflite", [x], [y], others)


@pytest.mark.parametrize("start", [False, True])
def test_variables_are_kept_from_run_to_run(start: bool, tmp_path: Path) -> None:
    path = variable_file(tmp_path, start=start)
    graph = simplify(read(path))
    assert len(graph.states) == 1
    x, model = f32(60, IN_C), lite(path)
    wanted = np.concatenate([outputs(model, row[None])[0] for row in x])
    (got,) = run_float_steps(closed(graph), {"x": x[None]}).values()
    np.testing.assert_allclose(got[0], wanted, atol=1e-6)
    samples = with_state_values(graph, {"x": x})
    ints = closed(quantize(graph, tuple(samples[n] for n in graph.ins),
                           load_recipe("fast")).graph)
    q = ints.tensor("x").params.quantize(x)[None]
    (mine,) = run_steps(ints, {"x": q}).values()
    (host,) = in_c(ints, tmp_path, q)
    np.testing.assert_array_equal(host, mine)
    error = ints.tensor(ints.outs[0]).params.dequantize(mine) - got
    assert 10 * np.log10(np.sum(got**2) / np.sum(error**2)) > 12


def test_a_variable_that_is_never_assigned_is_a_constant(tmp_path: Path) -> None:
    path = variable_file(tmp_path, start=True, assigned=False)
    graph = simplify(read(path))
    assert not graph.states
    assert graph.ins == ("x",)
    x = f32(1, IN_C)
    (got,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(got, outputs(lite(path), x)[0], atol=1e-6)


@pytest.mark.parametrize("known", [True, False])
def test_branches(known: bool, tmp_path: Path) -> None:
    main = ModelFile()
    x, y = main.tensor("x", (1, 4)), main.tensor("y", (1, 4))
    flag = main.const("flag", np.array(known))
    options = schema.IfOptionsT()
    options.thenSubgraphIndex, options.elseSubgraphIndex = 1, 2
    main.op("IF", [flag, x], [y], options)
    others = []
    for kind in ("TANH", "LOGISTIC"):
        m = main.inner()
        a, b = m.tensor("a", (1, 4)), m.tensor("b", (1, 4))
        m.op(kind, [a], [b])
        others.append((m, [a], [b]))
    graph = simplify(read(main.write(tmp_path / "if.tflite", [x], [y], others)))
    value = f32(1, 4)
    (got,) = run_float(graph, {"x": value}).values()
    want = np.tanh(value) if known else 1 / (1 + np.exp(-value))
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_a_subgraph_that_is_not_there(tmp_path: Path) -> None:
    main = ModelFile()
    x, y = main.tensor("x", (1, 4)), main.tensor("y", (1, 4))
    options = schema.IfOptionsT()
    options.thenSubgraphIndex = options.elseSubgraphIndex = 7
    main.op("IF", [main.const("flag", np.array(True)), x], [y], options)
    with pytest.raises(ModelError, match="subgraph 7"):
        read(main.write(tmp_path / "if.tflite", [x], [y]))
