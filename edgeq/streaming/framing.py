"""Windows of samples as sequences of steps, and the steps' outputs as those of the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeq.ir import IntArray


@dataclass(frozen=True)
class InputFrames:
    """One input of a streamed model: `window` frames along `axis`; `rest` stands for real 0."""

    axis: int
    window: int
    rest: int


@dataclass(frozen=True)
class OutputRows:
    """One output: `axis` of time, or None where a step gives all of it.

    A step gives `hop` rows of the `size` of a window; the first `delay` rows of all are none.
    """

    axis: int | None
    size: int = 0
    hop: int = 0
    delay: int = 0


@dataclass(frozen=True)
class Framing:
    """How the samples of the model over a window pass through the streamed one."""

    sequence: bool  # its outputs follow each other; else every step gives those of a window
    hop: int
    inputs: Mapping[str, InputFrames]
    outputs: Mapping[str, OutputRows]

    def steps(self) -> int:
        """Steps that one window of samples takes."""
        frames = max(i.window for i in self.inputs.values())
        late = max((-(-o.delay // o.hop) for o in self.outputs.values() if o.hop), default=0)
        return -(-frames // self.hop) + late

    def to_steps(self, name: str, windows: IntArray) -> IntArray:
        """(n, steps, ...) of the windows (n, ...) of input `name`.

        Frames that fill the last step are zeros: in front of a window, which then ends with the
        newest frame, behind a sequence.
        """
        frames, total = self.inputs[name], self.steps() * self.hop
        missing = total - windows.shape[frames.axis]
        pads = [(0, 0)] * windows.ndim
        pads[frames.axis] = (0, missing) if self.sequence else (missing, 0)
        full = np.moveaxis(np.pad(windows, pads, constant_values=frames.rest), frames.axis, 1)
        parts = full.reshape(len(full), self.steps(), self.hop, *full.shape[2:])
        return np.ascontiguousarray(np.moveaxis(parts, 2, 1 + frames.axis))

    def from_steps(self, name: str, rows: IntArray) -> IntArray:
        """What the windows give (n, ...), of the steps' outputs `rows` (n, steps, ...)."""
        out = self.outputs[name]
        if out.axis is None or not self.sequence:
            frames = max(i.window for i in self.inputs.values())
            return rows[:, -1] if not self.sequence else rows[:, -(-frames // self.hop) - 1]
        parts = np.moveaxis(rows, 1 + out.axis, 2)  # (n, steps, hop, ...)
        joined = parts.reshape(len(parts), -1, *parts.shape[3:])
        return np.moveaxis(joined[:, out.delay:out.delay + out.size], 1, out.axis)
