"""Ranges from a streamed histogram: extremes, percentile, square error, entropy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

BINS = 2048
_SHARES = np.concatenate([np.linspace(1.0, 0.3, 64), np.geomspace(0.3, 0.005, 33)[1:]])  # clips


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of the non-zero values of one tensor, streamed: the range grows by doubling bins.

    Exact zeros are counted apart, because they are always represented without error
    (half of the values behind a ReLU).
    """

    start: float  # lower edge of bin 0
    width: float  # of a bin; 0 while only zeros were seen
    counts: NDArray[np.float64]  # (BINS,)
    zeros: int = 0
    low: float = 0.0  # smallest and largest value seen, and zero
    high: float = 0.0
    batches: int = 0
    sum_low: float = 0.0  # of the batch extremes, for the moving range
    sum_high: float = 0.0

    @property
    def centers(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        return self.start + (np.arange(BINS, dtype=np.float64) + 0.5) * self.width

    @property
    def total(self) -> float:
        """Number of values seen, zeros included."""
        return float(self.counts.sum()) + self.zeros


def empty() -> Histogram:
    """A histogram that has seen nothing."""
    return Histogram(0.0, 0.0, np.zeros(BINS))


def add(h: Histogram, values: NDArray[np.floating]) -> Histogram:
    """`h` with one batch of finite `values` (any shape) counted in."""
    x = values.reshape(-1)
    low, high = float(x.min()), float(x.max())
    h = replace(h, low=min(h.low, low), high=max(h.high, high), batches=h.batches + 1,
                sum_low=h.sum_low + low, sum_high=h.sum_high + high)
    h = _grown(h, low, high)
    if h.width == 0:
        return replace(h, zeros=h.zeros + x.size)
    counts = h.counts + np.bincount(_bins(h, x), minlength=BINS)
    zeros = x.size - int(np.count_nonzero(x))
    counts[_bins(h, np.zeros(1, x.dtype))[0]] -= zeros
    return replace(h, counts=counts, zeros=h.zeros + zeros)


def _bins(h: Histogram, x: NDArray[np.floating]) -> NDArray[np.int32]:
    """The bin of each value."""
    index = ((x - np.float32(h.start)) * np.float32(1.0 / h.width)).astype(np.int32)
    return np.clip(index, 0, BINS - 1, out=index)


def _grown(h: Histogram, low: float, high: float) -> Histogram:
    """`h` with bins that reach from `low` to `high`: doubled in width until they do."""
    if h.width == 0:
        low, high = min(low, 0.0), max(high, 0.0)
        span = (high - low) * (1 + 1e-6)
        return replace(h, start=low, width=span / BINS) if span > 0 else h
    start, width, counts = h.start, h.width, h.counts
    while low < start or high > start + BINS * width:
        pairs = counts.reshape(-1, 2).sum(1)  # (BINS / 2,)
        empty_half = np.zeros(BINS // 2)
        if low < start:
            counts, start = np.concatenate([empty_half, pairs]), start - BINS * width
        else:
            counts = np.concatenate([pairs, empty_half])
        width *= 2
    return replace(h, start=start, width=width, counts=counts)


def minmax(h: Histogram) -> tuple[float, float]:
    """The smallest and largest value seen."""
    return h.low, h.high


def moving(h: Histogram) -> tuple[float, float]:
    """The means of the smallest and largest value of each batch."""
    n = max(h.batches, 1)
    return min(h.sum_low / n, 0.0), max(h.sum_high / n, 0.0)


def percentile(h: Histogram, percent: float) -> tuple[float, float]:
    """The range that leaves (100 - percent) / 2 % of all values outside at either end."""
    if h.width == 0:
        return 0.0, 0.0
    tail = h.total * (100.0 - percent) / 200.0
    below, above = np.cumsum(h.counts), np.cumsum(h.counts[::-1])
    low = h.start + int(np.searchsorted(below, tail, "right")) * h.width
    high = h.start + (BINS - int(np.searchsorted(above, tail, "right"))) * h.width
    return min(max(low, h.low), 0.0), max(min(high, h.high), 0.0)


def least_square(h: Histogram, bits: int = 8, power: float = 2.0) -> tuple[float, float]:
    """The clip range with the least expected |error|**power, by coordinate search on either end.

    Zeros cost nothing. With power 2 this is the mean square error; higher powers clip less.
    """
    if h.width == 0:
        return 0.0, 0.0
    low, high = h.low, h.high
    for _ in range(2):
        if high > 0:
            high = _best_end(h, [(low, high_c) for high_c in h.high * _SHARES], bits, power)[1]
        if low < 0:
            low = _best_end(h, [(low_c, high) for low_c in h.low * _SHARES], bits, power)[0]
    return low, high


def _best_end(h: Histogram, ends: list[tuple[float, float]], bits: int,
              power: float) -> tuple[float, float]:
    costs = [expected_error(h, low, high, bits, power) for low, high in ends]
    return ends[int(np.argmin(costs))]


def expected_error(h: Histogram, low: float, high: float, bits: int = 8,
                   power: float = 2.0) -> float:
    """Sum over all values of |quantization error|**power for the clip range [low, high].

    Inside the range the error is that of the bin's middle, or uniform within a step where steps
    are finer than bins; outside it is the distance to the nearer end.
    """
    step = (high - low) / ((1 << bits) - 1)
    x = h.centers
    clipped = np.clip(x, low, high)
    if step > 2 * h.width:
        error = np.abs(x - np.clip(np.rint(x / step) * step, low, high)) ** power
    else:
        uniform = (step / 2) ** power / (power + 1)
        error = np.where(clipped == x, uniform, np.abs(x - clipped) ** power)
    return float((h.counts * error).sum())


def least_entropy(h: Histogram, bits: int = 8) -> tuple[float, float]:
    """The clip range whose quantized distribution has the least Kullback-Leibler divergence.

    Source: Migacz, "8-bit inference with TensorRT", GTC 2017. Values of either sign share one
    threshold on |x|; one-sided tensors use all levels on their side.
    """
    if h.width == 0:
        return 0.0, 0.0
    top = max(h.high, -h.low)
    two_sided = h.low < 0 < h.high
    levels = 1 << (bits - 1 if two_sided else bits)
    counts = np.histogram(np.abs(h.centers), BINS, (0.0, top), weights=h.counts)[0]
    counts[0] = counts[1] if counts.size > 1 else counts[0]  # Migacz: bin 0 holds the zeros
    sizes = np.unique(np.linspace(min(levels, BINS), BINS, 128).astype(int))
    losses = [_divergence(counts, int(n), levels) for n in sizes]
    clip = float(sizes[int(np.argmin(losses))]) / BINS * top
    return max(h.low, -clip), min(h.high, clip)


def _divergence(counts: NDArray[np.float64], n: int, levels: int) -> float:
    """KL(P || Q): P the first `n` bins with the rest added to the last, Q in `levels` steps."""
    p = counts[:n].copy()
    p[-1] += counts[n:].sum()
    group = np.arange(n) * levels // n
    used = counts[:n] > 0
    sums = np.bincount(group, counts[:n], levels)
    members = np.bincount(group, used, levels)
    q = np.where(used, (sums / np.maximum(members, 1))[group], 0.0)
    p_sum, q_sum = p.sum(), q.sum()
    if p_sum == 0 or q_sum == 0:
        return float("inf")
    p, q = p / p_sum, q / q_sum
    both = (p > 0) & (q > 0)
    missing = p[(p > 0) & (q == 0)].sum()
    return float((p[both] * np.log(p[both] / q[both])).sum() + missing * np.log(1e9))
