"""Usual scalings of samples, and the changes that lead from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgeq.dataset import Preprocess
from edgeq.ir import FloatArray

_SLACK = 0.02  # of a scaling's span, beyond which values do not belong to it
_FILLED = 0.2  # of its span, that values must fill
_FACTORS = (10.0, 16.0, 128.0, 255.0, 32768.0)  # of sensors, sounds and pictures


@dataclass(frozen=True)
class Scaling:
    """scale * u + offset of a picture u in [0, 1]; one number or one for each channel."""

    name: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return min(self.offset), max(a + b for a, b in zip(self.scale, self.offset, strict=True))


_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels
_USUAL = (
    Scaling("0..1", (1.0,), (0.0,)), Scaling("-1..1", (2.0,), (-1.0,)),
    Scaling("0..255", (255.0,), (0.0,)), Scaling("-128..127", (255.0,), (-128.0,)),
    Scaling("ImageNet's mean and deviation", tuple(1 / d for d in _DEVIATION),
            tuple(-m / d for m, d in zip(_MEAN, _DEVIATION, strict=True))))


@dataclass(frozen=True)
class Change:
    """x -> scale * x + offset, one number or one for each channel."""

    name: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def on(self, x: FloatArray) -> FloatArray:
        """Samples (n, ..., channels), changed."""
        return Preprocess(self.scale, self.offset).apply(x)

    def after(self, before: Preprocess) -> str:
        """The options that do both: `before`, then this."""
        scale = np.array(self.scale) * np.array(before.scale)
        offset = np.array(self.scale) * np.array(before.offset) + np.array(self.offset)
        return f"--scale {_numbers(scale)} --offset {_numbers(offset)}"


def _numbers(values: FloatArray) -> str:
    return ",".join(f"{v + 0.0:.7g}" for v in values)


def changes(x: FloatArray) -> Iterator[Change]:
    """What may bring the samples x (n, ..., channels) into the scaling of the training."""
    low, high = float(x.min()), float(x.max())
    for source in _USUAL:
        first, last = source.ends
        slack = _SLACK * (last - first)
        inside = first - slack <= low and high <= last + slack
        if inside and high - low >= _FILLED * (last - first) and _suits(source, x):
            for goal in _USUAL:
                if goal is not source and _suits(goal, x):
                    yield _between(source, goal)
    for factor in _FACTORS:
        yield Change(f"times {factor:g}", (factor,), (0.0,))
        yield Change(f"divided by {factor:g}", (1 / factor,), (0.0,))


def _suits(scaling: Scaling, x: FloatArray) -> bool:
    return len(scaling.scale) == 1 or (x.ndim == 4 and x.shape[-1] == len(scaling.scale))


def _between(source: Scaling, goal: Scaling) -> Change:
    factor = np.array(goal.scale) / np.array(source.scale)
    shift = np.array(goal.offset) - factor * np.array(source.offset)
    factor, shift = np.broadcast_arrays(factor, shift)
    return Change(f"from {source.name} to {goal.name}", tuple(map(float, factor)),
                  tuple(map(float, shift)))
