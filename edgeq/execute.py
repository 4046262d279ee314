"""Running a graph on the host with numpy: `run_float` on reals, `run_int` on the integers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import DataError
from edgeq.ir import FloatArray, Graph, IntArray, Tensor, dtype_of
from edgeq.ops.base import Op
from edgeq.run_op import run_integers, run_real

A = TypeVar("A", FloatArray, IntArray)


def run_float(
    graph: Graph,
    inputs: Mapping[str, FloatArray],
    keep: Collection[str] | None = None,
    on_tensor: Callable[[str, FloatArray], None] | None = None,
    on_op: Callable[[Op, list[FloatArray]], None] | None = None,
) -> dict[str, FloatArray]:
    """Values of the activations `keep` (default: the graph's outputs) of a float graph, by name.

    Inputs have any batch size in front, the same for all; states count as inputs that may be
    left out. `keep=graph.tensors` keeps every
    activation; others are freed after their last use. `on_tensor(name, value)` sees each
    activation, inputs included, the moment it exists; `on_op(op, inputs)` each operator before it
    runs. Raises DataError on a wrong input.
    """
    values: dict[str, FloatArray] = {
        name: x.astype(np.float32, copy=False) for name, x in _given(graph, inputs).items()
    }

    def step(op: Op, xs: list[FloatArray]) -> tuple[FloatArray, ...]:
        if on_op is not None:
            on_op(op, xs)
        return run_real(graph, op, xs)

    return _run(graph, values, keep, on_tensor, step)


def run_on(graph: Graph, start: int, known: Mapping[str, FloatArray],
           changed: Mapping[str, FloatArray], out: str) -> FloatArray:
    """The float value of `out` where operator `start` gave `changed` instead of what is `known`.

    `known` holds every activation of an earlier run; only what hangs on the change runs again.
    """
    now = dict(changed)
    for op in graph.ops[start + 1:]:
        if any(n in now for n in op.ins):
            xs = [now.get(n, known.get(n, graph.tensor(n).data)) for n in op.ins]
            now.update(zip(op.outs, run_real(graph, op, xs), strict=True))  # type: ignore[arg-type]
    return now.get(out, known[out])


def run_int(
    graph: Graph,
    inputs: Mapping[str, IntArray],
    keep: Collection[str] | None = None,
    on_tensor: Callable[[str, IntArray], None] | None = None,
) -> dict[str, IntArray]:
    """The same for an integer graph: what the C code computes, bit for bit."""
    values: dict[str, IntArray] = {}
    for name, x in _given(graph, inputs).items():
        want = dtype_of(graph.tensor(name).params.bits)
        if x.dtype != want:
            raise DataError(f"input {name!r}", f"numbers of type {x.dtype}", np.dtype(want).name,
                            "quantize the samples with the input's parameters")
        values[name] = x

    def step(op: Op, xs: list[IntArray]) -> tuple[IntArray, ...]:
        return run_integers(graph, op, xs)

    return _run(graph, values, keep, on_tensor, step)


def run_steps(graph: Graph, sequences: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Outputs (n, steps, ...) of an integer graph with states for n sequences (n, steps, ...).

    Every sequence starts from the state at reset; what the C code gives, bit for bit.
    """
    return _run_steps(graph, sequences, run_int)


def run_float_steps(graph: Graph, sequences: Mapping[str, FloatArray],
                    keep: Collection[str] = ()) -> dict[str, FloatArray]:
    """The same for a float graph; `keep` names states' sources to give too."""
    return _run_steps(graph, sequences, run_float, keep)


class _Runner(Protocol[A]):
    """run_float or run_int."""

    def __call__(self, graph: Graph, inputs: Mapping[str, A], keep: Collection[str] | None
                 ) -> dict[str, A]: ...


def _run_steps(graph: Graph, sequences: Mapping[str, A], run: _Runner[A],
               keep: Collection[str] = ()) -> dict[str, A]:
    wanted: tuple[str, ...] = (*graph.outs, *keep)
    rows: list[dict[str, A]] = []
    carried: dict[str, A] = {}
    for t in range(sequences[graph.ins[0]].shape[1]):
        inputs = {name: x[:, t] for name, x in sequences.items()} | carried
        found = run(graph, inputs, {*wanted, *(s.result for s in graph.states)})
        carried = {s.source: found[s.result] for s in graph.states}
        rows.append({name: found[name] for name in wanted})
    return {name: np.stack([row[name] for row in rows], 1) for name in wanted}


def _run(
    graph: Graph,
    values: dict[str, A],
    keep: Collection[str] | None,
    on_tensor: Callable[[str, A], None] | None,
    step: Callable[[Op, list[A]], tuple[A, ...]],
) -> dict[str, A]:
    wanted = set(graph.outs if keep is None else keep)
    last = {name: i for i, op in enumerate(graph.ops) for name in op.ins}
    if on_tensor is not None:
        for name, value in values.items():
            on_tensor(name, value)
    kept = {name: value for name, value in values.items() if name in wanted}
    for i, op in enumerate(graph.ops):
        outs = step(op, [_operand(graph, values, name) for name in op.ins])
        for name, value in zip(op.outs, outs, strict=True):
            if on_tensor is not None:
                on_tensor(name, value)
            if name in wanted:
                kept[name] = value
            if name in last:
                values[name] = value
        for name in op.ins:
            if last[name] == i:
                values.pop(name, None)
    return kept


def _operand(graph: Graph, values: Mapping[str, A], name: str) -> A:
    data = graph.tensor(name).data
    return values[name] if data is None else data  # type: ignore[return-value]


def _given(graph: Graph,
           inputs: Mapping[str, NDArray]) -> dict[str, NDArray]:  # type: ignore[type-arg]
    """The model's inputs, and its states: as given, else as at reset."""
    found = {name: _checked(graph.tensor(name), inputs) for name in graph.ins}
    for state in graph.states:
        if state.source in inputs:
            found[state.source] = _checked(graph.tensor(state.source), inputs)
            continue
        first = graph.ins[0]
        n = len(found[first]) // max(1, graph.tensor(first).shape[0])
        found[state.source] = np.concatenate([graph.initial(state)] * n)
    return found


def _checked(tensor: Tensor, inputs: Mapping[str, NDArray]) -> NDArray:  # type: ignore[type-arg]
    if tensor.name not in inputs:
        raise DataError(f"input {tensor.name!r}", "no values", f"shape (n, {tensor.shape[1:]})",
                        "give an array for each input of the model")
    x = np.asarray(inputs[tensor.name])
    batched = x.ndim == len(tensor.shape) and x.shape[1:] == tensor.shape[1:]
    if not batched or (tensor.shape and x.shape[0] % max(1, tensor.shape[0])):
        raise DataError(f"input {tensor.name!r}", f"shape {x.shape}",
                        f"{('n', *tensor.shape[1:])}", "reshape the samples")
    return x
