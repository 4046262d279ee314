"""What quantization costs: float outputs against integer outputs, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, IntArray, QuantParams


@dataclass(frozen=True)
class Share:
    """Accuracy of a part of the samples (a class or a group), as fractions."""

    name: str
    samples: int
    float_accuracy: float
    int_accuracy: float

    @property
    def drop(self) -> float:
        """What quantization takes away; negative where it helps."""
        return self.float_accuracy - self.int_accuracy


@dataclass(frozen=True)
class Evaluation:
    """Float against integer over a data set; fractions, decibels; None where undefined."""

    samples: int
    float_accuracy: float | None
    int_accuracy: float | None
    agreement: float | None  # equal argmax of output 0
    sqnr_db: Mapping[str, float | None]  # per output
    per_class: tuple[Share, ...] = ()
    groups: tuple[Share, ...] = ()

    @property
    def drop(self) -> float | None:
        """Accuracy lost, as a fraction; None without labels."""
        if self.float_accuracy is None or self.int_accuracy is None:
            return None
        return self.float_accuracy - self.int_accuracy

    @property
    def largest_group_drop(self) -> Share | None:
        """The group that quantization hurts most."""
        return max(self.groups, key=lambda share: share.drop, default=None)


NOT_EVALUATED = Evaluation(0, None, None, None, {})


class Comparison:
    """Collects batches of outputs; `result` makes the figures."""

    def __init__(self, params: Mapping[str, QuantParams]) -> None:
        """`params`: quantization parameters of every output, output 0 first."""
        self._params = params
        self._signal = dict.fromkeys(params, 0.0)
        self._noise = dict.fromkeys(params, 0.0)
        self._float: list[NDArray[np.intp]] = []
        self._int: list[NDArray[np.intp]] = []

    def add(self, floats: Mapping[str, FloatArray], ints: Mapping[str, IntArray]) -> None:
        """Outputs of the same samples, (n, ...) each; real ones may have their own leading
        axis times n in front."""
        for name, params in self._params.items():
            real = floats[name].astype(np.float64).reshape(ints[name].shape)
            error = params.dequantize(ints[name]).astype(np.float64) - real
            self._signal[name] += float(np.vdot(real, real))
            self._noise[name] += float(np.vdot(error, error))
        first = next(iter(self._params))
        self._float.append(_argmax(floats[first].reshape(ints[first].shape)))
        self._int.append(_argmax(ints[first]))

    def result(self, y: NDArray[np.int64] | None = None,
               group: NDArray[np.str_] | None = None) -> Evaluation:
        """The figures of all batches; `y` labels and `group` names of the samples, in order.

        Without labels the float answers count as right ones in the shares of the groups.
        """
        by_float, by_int = np.concatenate(self._float), np.concatenate(self._int)
        sqnr = {n: sqnr_db(self._signal[n], self._noise[n]) for n in self._params}
        agreement = float(np.mean(by_float == by_int))
        right = by_float if y is None else y
        right_float, right_int = by_float == right, by_int == right
        groups = () if group is None else _shares(group, right_float, right_int)
        if y is None:
            return Evaluation(len(by_float), None, None, agreement, sqnr, groups=groups)
        return Evaluation(len(y), float(right_float.mean()), float(right_int.mean()), agreement,
                          sqnr, _shares(y, right_float, right_int), groups)


def sqnr_db(signal: float, noise: float) -> float | None:
    """10 log10(signal / noise) of two energies; None where there is no noise or no signal."""
    return float(10 * np.log10(signal / noise)) if signal > 0 and noise > 0 else None


def _argmax(x: FloatArray | IntArray) -> NDArray[np.intp]:
    flat = x.reshape(len(x), -1)
    return np.asarray(flat.argmax(1))


def _shares(keys: NDArray[np.int64] | NDArray[np.str_], right_float: NDArray[np.bool_],
            right_int: NDArray[np.bool_]) -> tuple[Share, ...]:
    """One share for every value of `keys`, sorted."""
    return tuple(
        Share(str(key), int((keys == key).sum()), float(right_float[keys == key].mean()),
              float(right_int[keys == key].mean()))
        for key in np.unique(keys))
