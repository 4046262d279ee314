"""Ranges from histograms: streaming equals counting at once, and each method finds its optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.quant import ranges
from edgeq.quant.params import act_params


def histogram(*batches: np.ndarray) -> ranges.Histogram:
    h = ranges.empty()
    for batch in batches:
        h = ranges.add(h, batch)
    return h


def normal(seed: int, n: int = 20_000) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, n).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 100)), min_size=1, max_size=6))
def test_streaming_keeps_every_value_and_the_extremes(batches: list[tuple[float, float]]) -> None:
    rng = np.random.default_rng(0)
    data = [(rng.normal(m, s, 300) * (rng.random(300) > 0.3)).astype(np.float32)
            for m, s in batches]
    h = histogram(*data)
    together = np.concatenate(data)
    assert h.total == together.size
    assert h.zeros == np.count_nonzero(together == 0)
    assert h.low == min(0.0, float(together.min()))
    assert h.high == max(0.0, float(together.max()))
    # every count lies within a bin of where the values are
    exact = np.sort(together[together != 0].astype(np.float64))
    binned = np.repeat(h.centers, h.counts.astype(int))
    assert np.abs(exact - binned).max() <= 1.01 * h.width


def test_bins_grow_both_ways_without_losing_resolution_beyond_a_doubling() -> None:
    h = histogram(np.float32([-1, 1]), np.float32([-1000, 900]))
    assert h.width <= 2 * 1900 / ranges.BINS * 2


def test_all_zero_tensor_has_a_usable_scale() -> None:
    h = histogram(np.zeros(10, np.float32))
    assert ranges.least_square(h) == ranges.percentile(h, 99.9) == ranges.minmax(h) == (0.0, 0.0)
    assert float(act_params(0.0, 0.0).scale) > 0


def test_percentile_leaves_the_tails_outside() -> None:
    x = normal(1)
    low, high = ranges.percentile(histogram(x), 99.0)
    assert low == pytest.approx(np.quantile(x, 0.005), abs=0.02)
    assert high == pytest.approx(np.quantile(x, 0.995), abs=0.02)


@pytest.mark.parametrize("outlier", [10.0, 1000.0])
@pytest.mark.parametrize("bits", [4, 8])
def test_least_square_is_as_good_as_brute_force(outlier: float, bits: int) -> None:
    x = np.maximum(np.append(normal(2), np.float32(outlier)), 0)

    def error(high: float) -> float:
        q = act_params(0.0, high, bits)
        return float(((q.dequantize(q.quantize(x)) - x) ** 2).sum())

    _, found = ranges.least_square(histogram(x), bits)
    best = min(error(h) for h in np.geomspace(0.5, outlier, 400))
    assert error(found) <= 1.1 * best


def test_entropy_clips_a_lone_outlier_and_keeps_a_uniform_range() -> None:
    x = np.append(normal(3), np.float32(30.0))
    _, high = ranges.least_entropy(histogram(x))
    assert 2.0 < high < 10.0
    flat = np.random.default_rng(0).uniform(-1, 1, 50_000).astype(np.float32)
    low, high = ranges.least_entropy(histogram(flat))
    assert low < -0.9
    assert high > 0.9


def test_moving_range_is_the_mean_of_batch_extremes() -> None:
    h = histogram(np.float32([-1, 2]), np.float32([-3, 6]))
    assert ranges.moving(h) == (-2.0, 4.0)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.sampled_from([4, 8, 16]))
def test_zero_is_exact_and_the_range_is_covered(low: float, span: float, bits: int) -> None:
    q = act_params(low, low + span, bits)
    assert q.dequantize(np.array([q.zero]))[0] == 0.0
    ends = q.dequantize(np.array([q.qmin, q.qmax]))
    step = float(q.scale)
    assert ends[0] <= min(low, 0) + step
    assert ends[1] >= max(low + span, 0) - step
    assert float(np.float32(q.scale)) == step


def test_relu_output_uses_all_levels() -> None:
    assert int(act_params(0.0, 6.0).zero) == -128
