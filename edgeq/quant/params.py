"""From real ranges to quantization parameters: zero is always an integer, scales are float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import QuantParams

_HEADROOM = 2.0  # 16-bit ranges reach so far beyond what was seen: new samples go further, at 6 dB
_TINY = float(np.float32(1e-9))  # scale of a tensor that is always zero


def act_params(low: float, high: float, bits: int = 8) -> QuantParams:
    """Asymmetric parameters of the real range [low, high], widened to hold zero.

    16-bit ones are symmetric and hold twice the range.
    Zero is exactly representable; the scale is rounded to float32 as in model files.
    Source: Jacob et al. 2018, equation 1 and section 3.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if bits == 16:
        top = _HEADROOM * max(-low, high)
        return per_tensor(max(float(np.float32(top / 32767)), _TINY), 0, bits)
    qmin, qmax = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    scale = max(float(np.float32((high - low) / (qmax - qmin))), _TINY)
    zero = int(np.clip(np.rint(qmin - low / scale), qmin, qmax))
    return per_tensor(scale, zero, bits)


def per_tensor(scale: float, zero: int, bits: int = 8) -> QuantParams:
    """Parameters of a whole tensor."""
    return QuantParams(np.asarray(scale, np.float64), np.asarray(zero, np.int32), bits)


def symmetric_params(scale: NDArray[np.float64], bits: int, axis: int | None) -> QuantParams:
    """Symmetric parameters with `scale`, () or (C,) along `axis`, rounded to float32."""
    rounded = np.asarray(scale, np.float32).astype(np.float64)
    return QuantParams(rounded, np.zeros(rounded.shape, np.int32), bits, axis)


def fake_quantize(x: NDArray[np.floating], q: QuantParams) -> NDArray[np.float32]:
    """`x` rounded to the grid of per-tensor `q` and back, in float32 (fast, for simulation)."""
    scale, zero = np.float32(q.scale), int(q.zero)
    y: NDArray[np.float32] = np.asarray(x, np.float32) * np.float32(1.0 / float(q.scale))
    np.rint(y, out=y)
    np.clip(y, np.float32(q.qmin - zero), np.float32(q.qmax - zero), out=y)
    np.multiply(y, scale, out=y)
    return y
