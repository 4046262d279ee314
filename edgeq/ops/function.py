"""Function: elementary functions of one value, on integers a table (lut.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph
from edgeq.ops.base import Fixed, Free, Rule
from edgeq.ops.lut import Unary

Reals = NDArray[np.float64]
_erf = np.vectorize(math.erf, otypes=[np.float64])


class Fn(Enum):
    """Which function; `a` and `b` are its parameters (ONNX: alpha, beta, gamma, lambda, ...)."""

    ABS = "|x|"
    ACOS = "acos(x)"
    ACOSH = "acosh(x)"
    ASIN = "asin(x)"
    ASINH = "asinh(x)"
    ATAN = "atan(x)"
    ATANH = "atanh(x)"
    CEIL = "ceil(x)"
    CELU = "max(0, x) + min(0, a * (e^(x / a) - 1))"
    COS = "cos(x)"
    COSH = "cosh(x)"
    ERF = "erf(x)"
    EXP = "e^x"
    FLOOR = "floor(x)"
    HARD_SIGMOID = "clamp(a * x + b, 0, 1)"
    IS_NAN = "1 for no number, else 0"
    IS_INF = "1 for an infinity, else 0"
    LOG = "ln(x)"
    MISH = "x * tanh(ln(1 + e^x))"
    NEGATE = "-x"
    POWER = "x^a"
    RECIPROCAL = "1 / x"
    ROUND = "x rounded, half to even"
    SELU = "b * x for x > 0, else b * a * (e^x - 1)"
    SHRINK = "x + b below -a, x - b above a, else 0"
    SIGN = "sign(x)"
    SIN = "sin(x)"
    SINH = "sinh(x)"
    SOFTPLUS = "ln(1 + e^x)"
    SOFTSIGN = "x / (1 + |x|)"
    SQRT = "sqrt(x)"
    SWISH = "x / (1 + e^(-a * x))"
    TAN = "tan(x)"
    THRESHOLDED_RELU = "x for x > a, else 0"


# functions that jump: the lines of 16-bit tables would lean there
JUMPS = (Fn.SIGN, Fn.ROUND, Fn.FLOOR, Fn.CEIL, Fn.SHRINK, Fn.THRESHOLDED_RELU)


def _softplus(x: Reals) -> Reals:
    return np.logaddexp(0.0, x)


def _expm1(x: Reals) -> Reals:
    """e^x - 1 for x < 0, else 0."""
    return np.expm1(np.minimum(x, 0.0))


_PLAIN: dict[Fn, Callable[[Reals], Reals]] = {
    Fn.ABS: np.abs, Fn.ACOS: np.arccos, Fn.ACOSH: np.arccosh, Fn.ASIN: np.arcsin,
    Fn.ASINH: np.arcsinh, Fn.ATAN: np.arctan, Fn.ATANH: np.arctanh, Fn.CEIL: np.ceil,
    Fn.COS: np.cos, Fn.COSH: np.cosh, Fn.ERF: _erf, Fn.EXP: np.exp, Fn.FLOOR: np.floor,
    Fn.IS_NAN: lambda x: np.isnan(x).astype(np.float64),
    Fn.IS_INF: lambda x: np.isinf(x).astype(np.float64), Fn.LOG: np.log,
    Fn.MISH: lambda x: x * np.tanh(_softplus(x)), Fn.NEGATE: np.negative,
    Fn.RECIPROCAL: np.reciprocal, Fn.ROUND: np.rint, Fn.SIGN: np.sign, Fn.SIN: np.sin,
    Fn.SINH: np.sinh, Fn.SOFTPLUS: _softplus, Fn.SOFTSIGN: lambda x: x / (1.0 + np.abs(x)),
    Fn.SQRT: np.sqrt, Fn.TAN: np.tan,
}
_WITH: dict[Fn, Callable[[Reals, float, float], Reals]] = {
    Fn.CELU: lambda x, a, b: np.maximum(x, 0.0) + a * _expm1(x / a),
    Fn.HARD_SIGMOID: lambda x, a, b: np.clip(a * x + b, 0.0, 1.0),
    Fn.POWER: lambda x, a, b: np.power(x, a),
    Fn.SELU: lambda x, a, b: b * np.where(x > 0, x, a * _expm1(x)),
    Fn.SHRINK: lambda x, a, b: np.where(x < -a, x + b, np.where(x > a, x - b, 0.0)),
    Fn.SWISH: lambda x, a, b: x / (1.0 + np.exp(-a * x)),
    Fn.THRESHOLDED_RELU: lambda x, a, b: np.where(x > a, x, 0.0),
}


@dataclass(frozen=True, kw_only=True)
class Function(Unary):
    """y = f(x) for an elementary function f, element by element."""

    wide: ClassVar[bool] = True
    fn_of: Fn
    a: float = 0.0
    b: float = 0.0

    def takes_wide(self, g: Graph) -> bool:
        """Lines between table entries would lean where the function jumps."""
        return self.fn_of not in JUMPS

    def fn(self, x: Reals) -> Reals:
        with np.errstate(all="ignore"):
            if self.fn_of in _PLAIN:
                return np.asarray(_PLAIN[self.fn_of](x))
            return np.asarray(_WITH[self.fn_of](x, self.a, self.b))

    def rule(self) -> Rule:
        """Signs are exactly -64, 0, 64 steps, so that biases behind them may have fractions."""
        return Fixed(1 / 64, 0) if self.fn_of is Fn.SIGN else Free()
