"""Running a graph on the host with numpy: `run_float` on reals, `run_int` on the integers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import DataError
from edgeq.ir import FloatArray, Graph, IntArray, Tensor, dtype_of
from edgeq.ops.base import Op

A = TypeVar("A", FloatArray, IntArray)


def run_float(
    graph: Graph,
    inputs: Mapping[str, FloatArray],
    keep: Collection[str] | None = None,
    on_tensor: Callable[[str, FloatArray], None] | None = None,
    on_op: Callable[[Op, list[FloatArray]], None] | None = None,
) -> dict[str, FloatArray]:
    """Values of the activations `keep` (default: the graph's outputs) of a float graph, by name.

    Inputs have any batch size in front, the same for all. `keep=graph.tensors` keeps every
    activation; others are freed after their last use. `on_tensor(name, value)` sees each
    activation, inputs included, the moment it exists; `on_op(op, inputs)` each operator before it
    runs. Raises DataError on a wrong input.
    """
    values: dict[str, FloatArray] = {
        name: _checked(graph.tensor(name), inputs).astype(np.float32, copy=False)
        for name in graph.ins
    }

    def step(op: Op, xs: list[FloatArray]) -> tuple[FloatArray, ...]:
        if on_op is not None:
            on_op(op, xs)
        return op.run(*xs)

    return _run(graph, values, keep, on_tensor, step)


def run_int(
    graph: Graph,
    inputs: Mapping[str, IntArray],
    keep: Collection[str] | None = None,
    on_tensor: Callable[[str, IntArray], None] | None = None,
) -> dict[str, IntArray]:
    """The same for an integer graph: what the C code computes, bit for bit."""
    values: dict[str, IntArray] = {}
    for name in graph.ins:
        x = _checked(graph.tensor(name), inputs)
        want = dtype_of(graph.tensor(name).params.bits)
        if x.dtype != want:
            raise DataError(f"input {name!r}", f"numbers of type {x.dtype}", np.dtype(want).name,
                            "quantize the samples with the input's parameters")
        values[name] = x

    def step(op: Op, xs: list[IntArray]) -> tuple[IntArray, ...]:
        return op.run_int(graph, *xs)

    return _run(graph, values, keep, on_tensor, step)


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
