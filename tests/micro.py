"""TensorFlow Lite Micro itself, from the package tflite-micro, as an oracle."""

from __future__ import annotations

import pytest
from numpy.typing import NDArray

REASON = "TensorFlow Lite Micro is not installed (pip install tflite-micro)"


class Micro:
    """A model in TensorFlow Lite Micro's interpreter; skips the test where it is missing."""

    def __init__(self, model: bytes) -> None:
        runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason=REASON)
        arena = max(1 << 20, 10 * len(model))
        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena)

    def run(self, *xs: NDArray) -> tuple[NDArray, ...]:  # type: ignore[type-arg]
        """Outputs for the inputs `xs`, from the state that the model starts with."""
        self._interpreter.reset()
        return self.step(*xs)

    def step(self, *xs: NDArray) -> tuple[NDArray, ...]:  # type: ignore[type-arg]
        """Outputs for the inputs `xs`; what the model remembers stays."""
        for i, x in enumerate(xs):
            self._interpreter.set_input(x, i)
        self._interpreter.invoke()
        found = []
        while True:
            try:
                found.append(self._interpreter.get_output(len(found)))
            except IndexError:
                return tuple(found)
