"""The float network at speed: LiteRT where it takes the model, else `run_float`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from edgeq.errors import ToolchainError
from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph
from edgeq.litert import interpreter_module


class _Interpreter(Protocol):
    """What of LiteRT's interpreter is used here."""

    def allocate_tensors(self) -> None: ...
    def get_input_details(self) -> list[dict[str, object]]: ...
    def get_output_details(self) -> list[dict[str, object]]: ...
    def get_tensor_details(self) -> list[dict[str, object]]: ...
    def set_tensor(self, index: object, value: FloatArray) -> None: ...
    def get_tensor(self, index: object) -> FloatArray: ...
    def invoke(self) -> None: ...
    def reset_all_variables(self) -> None: ...


class FloatModel:
    """A float model file, with the graph that edgeq read from it."""

    def __init__(self, path: Path, graph: Graph) -> None:
        """`graph` is what `path` holds; its inputs and outputs are in the file's order."""
        self._graph = graph
        self._fast = _interpreter(path, graph)

    def run(self, batch: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Outputs (n, ...) by name for inputs (n, ...)."""
        if self._fast is None:
            return run_float(self._graph, batch)
        ins = self._fast.get_input_details()
        outs = [d["index"] for d in self._fast.get_output_details()]
        rows: list[list[FloatArray]] = [[] for _ in outs]
        for i in range(len(next(iter(batch.values())))):
            for detail, name in zip(ins, self._graph.ins, strict=True):
                self._fast.set_tensor(detail["index"], batch[name][i].reshape(_shape(detail)))
            self._fast.reset_all_variables()  # the state of recurrent layers starts at zero
            self._fast.invoke()
            for row, index, name in zip(rows, outs, self._graph.outs, strict=True):
                row.append(self._fast.get_tensor(index).reshape(self._graph.tensor(name).shape))
        return {name: np.concatenate(row)
                for name, row in zip(self._graph.outs, rows, strict=True)}


def _interpreter(path: Path, graph: Graph) -> _Interpreter | None:
    """LiteRT with the model, where it is float throughout and shaped as ours.

    A file with int8 weights and float activations is left to `run_float`: LiteRT would quantize
    its activations on the fly, and the reference would carry noise of its own.
    """
    try:
        with _quiet():
            made: _Interpreter = interpreter_module().Interpreter(
                model_path=str(path), num_threads=os.cpu_count())
            made.allocate_tensors()
    except (ToolchainError, ValueError, RuntimeError):
        return None
    if any(d["dtype"] in (np.int8, np.uint8, np.float16) for d in made.get_tensor_details()):
        return None
    for details, names in ((made.get_input_details(), graph.ins),
                           (made.get_output_details(), graph.outs)):
        if len(details) != len(names):
            return None
        for detail, name in zip(details, names, strict=True):
            ours = graph.tensor(name).shape
            if detail["dtype"] is not np.float32 or ours not in (
                    _shape(detail), (1, *_shape(detail))):  # a batch axis may be ours
                return None
    return made


def _shape(detail: Mapping[str, object]) -> tuple[int, ...]:
    """The shape of a tensor that LiteRT describes."""
    shape = detail["shape"]
    assert isinstance(shape, np.ndarray)
    return tuple(int(n) for n in shape)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the C++ library's chatter off stderr."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
