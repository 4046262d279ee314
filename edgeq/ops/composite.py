"""Composite: several elementwise operators on one value as one function; on int8 one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Free, Op, Rule
from edgeq.ops.function import JUMPS, Function
from edgeq.ops.lut import Unary


@dataclass(frozen=True, kw_only=True)
class Composite(Unary):
    """y = what `steps` compute from x, for example x * sigmoid(x) or a decomposed GELU.

    The first step that is not a constant's reads `source`, the last one writes `result`;
    `constants` are single values.
    """

    wide: ClassVar[bool] = True
    steps: tuple[Op, ...]
    constants: tuple[Tensor, ...]
    source: str
    result: str

    def fn(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._evaluated(x).astype(np.float64)

    def fn32(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._evaluated(x.astype(np.float32)).astype(np.float32)

    def _evaluated(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        values = {t.name: t.data.reshape(()) for t in self.constants if t.data is not None}
        values[self.source] = x
        with np.errstate(all="ignore"):
            for op in self.steps:
                outs = op.run(*(values[n] for n in op.ins))  # type: ignore[arg-type]
                values.update(zip(op.outs, outs, strict=True))
        return values[self.result]  # type: ignore[return-value]

    def takes_wide(self, g: Graph) -> bool:
        return not any(isinstance(op, Function) and op.fn_of in JUMPS for op in self.steps)

    def rule(self) -> Rule:
        """That of an elementary function at the end, as a sign's."""
        last = next(op for op in self.steps if self.result in op.outs)
        return last.rule() if isinstance(last, Function) else Free()
