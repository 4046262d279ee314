"""The node tests of the onnx package through reader and float executor, counted."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from edgeq.board import HOST, Target  # noqa: E402
from edgeq.errors import EdgeqError  # noqa: E402
from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.ir import Graph  # noqa: E402
from edgeq.ops.base import Op, check_limits  # noqa: E402
from edgeq.ops.recurrent import Recurrent  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant.assign import assign  # noqa: E402
from edgeq.readers.onnx import read_onnx_bytes  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402

LEAST = 930  # cases that pass
LEAST_INTEGER = 897  # cases within the bound on integers


@dataclass(frozen=True, eq=False)
class Case:
    """One node test: the model and its first set of data; tensors only."""

    name: str
    model: onnx.ModelProto
    ins: tuple[NDArray[np.generic], ...]
    outs: tuple[NDArray[np.generic], ...]
    rtol: float
    atol: float

    @property
    def floats(self) -> tuple[str, ...]:
        """The inputs that hold real numbers or truth values."""
        return tuple(i.name for i, v in zip(self.model.graph.input, self.ins, strict=False)
                     if v.dtype in (np.float16, np.float32, np.float64, np.bool_))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Every case of tensors only of which an input is real, or true or false."""
    from onnx.backend.test.case.node import collect_testcases

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collected = collect_testcases()
    for c in collected:
        if c.model is None or not c.data_sets:
            continue
        ins, outs = c.data_sets[0]
        if all(isinstance(v, np.ndarray | np.generic) for v in (*ins, *outs)):
            case = Case(c.name, c.model, tuple(np.asarray(v) for v in ins),
                        tuple(np.asarray(v) for v in outs), c.rtol, c.atol)
            if case.floats:
                found.append(case)
    return found


def verdict(case: Case) -> str:
    """ "passes", "wrong: ..." or why the reader refuses it.

    The real inputs are given at run time, the others are constants; where an operator wants
    weights, all but the first input, then all but the last.
    """
    reasons = []
    for kept in (case.floats, case.floats[:1], case.floats[-1:]):
        try:
            return run(case, kept)
        except EdgeqError as error:
            reasons.append(error.found)
    return f"refused: {reasons[0]}"


def read_case(case: Case, kept: tuple[str, ...]) -> tuple[Graph, dict[str, NDArray[np.generic]]]:
    """The graph of the case, and what its inputs `kept`, given at run time, are fed with."""
    proto = onnx.ModelProto()
    proto.CopyFrom(case.model)
    feeds = {}
    for value, data in zip(case.model.graph.input, case.ins, strict=False):
        if value.name in kept:
            feeds[value.name] = data
        else:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(data, value.name))
    graph = read_onnx_bytes(proto.SerializeToString(), case.name)
    return graph, {n: x.transpose(np.argsort(graph.moved[n])) if n in graph.moved else x
                   for n, x in feeds.items()}


def run(case: Case, kept: tuple[str, ...]) -> str:
    """The case with the inputs `kept` given at run time."""
    graph, feeds = read_case(case, kept)
    for g in (graph, simplify(graph)):
        got = run_float(g, batched(g, feeds))
        for name, want in zip(g.outs, case.outs, strict=False):
            y = got[name]
            if g is not graph and y.shape == (1, *graph.tensor(name).shape):
                y = y[0]  # simplified graphs keep the batch of their outputs
            y = y.transpose(g.moved[name]) if name in g.moved else y
            if case.model.graph.node[0].op_type == "NonMaxSuppression":
                y = y[(y >= 0).all(1)]  # what is behind the rows that were found
            if y.shape == (1, *want.shape):  # simplified graphs keep a batch axis
                y = y[0]
            atol = max(case.atol, 1e-3 if want.dtype == np.float16 else 1e-5)
            with np.errstate(all="ignore"):
                near = y.shape == want.shape and np.allclose(
                    y.astype(np.float64), want.astype(np.float64), rtol=max(case.rtol, 1e-3),
                    atol=atol, equal_nan=True)
            if not near:
                return f"wrong: {name} of shape {y.shape}, wanted {want.shape}"
    return "passes"


def batched(graph: Graph, feeds: dict[str, NDArray[np.generic]]
            ) -> dict[str, NDArray[np.generic]]:
    """`feeds` with the batch axis that simplified graphs have in front of inputs of one axis."""
    return {n: x[None] if n in graph.ins and graph.tensor(n).shape == (1, *x.shape) else x
            for n, x in feeds.items()}


def integer_verdict(case: Case) -> str:
    """What becomes of the quantized case: "within", "beyond: ...", or why there is no such case."""
    for kept in (case.floats, case.floats[:1], case.floats[-1:]):
        try:
            graph, feeds = read_case(case, kept)
            if any(t.data is not None and not np.isfinite(t.data.astype(np.float64)).all()
                   for t in graph.tensors.values()):
                return "skipped: constants that are not finite"
            simple = simplify(graph)
            return integer_run(simple, batched(simple, feeds))
        except EdgeqError as error:
            reason = f"{error.where}: {error.found}"
    return f"refused: {reason}"


def integer_run(graph: Graph, feeds: dict[str, NDArray[np.generic]]) -> str:
    """Each operator on the integers that reach it, against its float form on their real values.

    The graph is quantized with the case's own data as its only sample; no result may be further
    than one step of its scale from the real one, limited to what the integers can hold. Recurrent
    layers: three steps, and 2^-10, as their states and gates have steps of 2^-15.
    """
    if not all(np.isfinite(x).all() and np.abs(x).max(initial=0) < 1e30 for x in feeds.values()):
        return "skipped: values that are not finite"
    lone = {n: x for n, x in feeds.items() if n in graph.ins}
    if not graph.ops or not all(t.size for t in graph.tensors.values()) or not all(
            graph.consumers(n) for n in graph.ins):
        return "skipped: nothing is computed"
    ints = assign(graph, ranges(graph, feeds), load_recipe("fast"))
    values = {n: ints.tensor(n).params.quantize(np.asarray(x, np.float64))
              for n, x in lone.items()}
    for op in ints.ops:
        lower_call(op, ints)
    kept = run_int(ints, values, keep=ints.tensors) | values
    for op in ints.ops:
        for error, scale in errors_of(op, ints, kept):
            bound = 3 * scale + 2.0**-10 if isinstance(op, Recurrent) else 1.001 * scale
            if error > bound:
                return f"beyond: {type(op).__name__} by {error / scale:.2f} steps"
    return "within"


def ranges(graph: Graph, feeds: dict[str, NDArray[np.generic]]) -> dict[str, tuple[float, float]]:
    """Extremes of every activation, and of values inside operators, for the case's own data."""
    found: dict[str, tuple[float, float]] = {}

    def see(name: str, x: NDArray[np.floating]) -> None:
        low, high = found.get(name, (np.inf, -np.inf))
        real = np.nan_to_num(x)
        found[name] = (min(low, float(real.min(initial=np.inf))),
                       max(high, float(real.max(initial=-np.inf))))

    def look_inside(op: Op, xs: list[NDArray[np.floating]]) -> None:
        for name, x in op.observed(*xs).items():
            see(name, x)

    with np.errstate(all="ignore"):
        run_float(graph, feeds, on_tensor=see, on_op=look_inside)
    return found


def lower_call(op: Op, ints: Graph) -> None:
    """Raise an error of edgeq's own where there is no C for `op`."""
    check_limits(op, ints)
    op.lower(ints, Target(HOST))


def errors_of(op: Op, g: Graph, kept: dict[str, NDArray[np.integer]]
              ) -> Iterator[tuple[float, float]]:
    """For each result of `op`: how far it is from the float form, and its scale."""
    reals = [g.tensor(n).params.dequantize(kept[n] if n in kept else g.integers(n))
             for n in op.ins]
    with np.errstate(all="ignore"):
        wanted = op.run(*reals)
    for name, want in zip(op.outs, wanted, strict=True):
        q = g.tensor(name).params
        low, high = (float(q.scale) * (v - int(q.zero)) for v in (q.qmin, q.qmax))
        off = np.abs(q.dequantize(kept[name]) - np.clip(np.nan_to_num(want), low, high))
        yield float(off.max(initial=0)), float(q.scale)


@pytest.mark.slow
def test_node_tests(cases: list[Case], record_property: pytest.FixtureRequest) -> None:
    """Nothing is wrong; what is not supported is refused with an error of edgeq's own."""
    found = {case.name: verdict(case) for case in cases}
    wrong = {name: v for name, v in found.items() if v.startswith("wrong")}
    count = Counter(v.split(":")[0] for v in found.values())
    record_property("passes", count["passes"])  # type: ignore[operator]
    print(f"{count['passes']} of {len(found)} node tests pass")
    assert not wrong
    assert count["passes"] >= LEAST


@pytest.mark.slow
def test_node_tests_on_integers(cases: list[Case], record_property: pytest.FixtureRequest) -> None:
    """Quantized, every operator of a case that has a kernel stays within its bound."""
    found = {}
    for case in cases:
        if verdict(case) == "passes":
            found[case.name] = integer_verdict(case)
    count = Counter(v.split(":")[0] for v in found.values())
    record_property("within", count["within"])  # type: ignore[operator]
    print(f"{count['within']} of {len(found)} node tests within the bound on integers: {count}")
    beyond = {name: v for name, v in found.items() if v.startswith("beyond")}
    assert not beyond
    assert count["within"] >= LEAST_INTEGER
