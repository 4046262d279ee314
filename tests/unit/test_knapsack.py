"""The integer program against brute force, and on more layers than can be listed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgeq.search import knapsack
from edgeq.search.knapsack import Item, front


def layers(rng: np.random.Generator, count: int, options: int) -> list[list[Item]]:
    return [[Item(float(rng.integers(1, 50)), float(rng.integers(1, 50)),
                  float(rng.exponential())) for _ in range(options)] for _ in range(count)]


def all_sums(problem: list[list[Item]]) -> np.ndarray:
    return np.array([[sum(getattr(x, key) for x in picks) for key in ("size", "work", "noise")]
                     for picks in product(*problem)])


@pytest.mark.parametrize("seed", range(8))
def test_front_is_what_nothing_beats(seed: int) -> None:
    problem = layers(np.random.default_rng(seed), 6, 3)
    sums = all_sums(problem)
    beaten = [bool(np.any(np.all(sums <= s, 1) & np.any(sums < s, 1))) for s in sums]
    want = np.unique(sums[~np.array(beaten)].round(9), axis=0)
    found = front(problem)
    got = np.unique(np.array([(f.size, f.work, f.noise) for f in found]).round(9), axis=0)
    np.testing.assert_allclose(got, want)
    for f in found:
        chosen = [items[i] for items, i in zip(problem, f.picks, strict=True)]
        assert f.noise == pytest.approx(sum(x.noise for x in chosen))


@pytest.mark.parametrize("seed", range(4))
def test_budgets_hold_and_cost_no_noise(seed: int) -> None:
    problem = layers(np.random.default_rng(seed), 6, 3)
    sums = all_sums(problem)
    size, work = (float(np.quantile(sums[:, i], 0.3)) for i in (0, 1))
    fits = sums[(sums[:, 0] <= size) & (sums[:, 1] <= work)]
    found = front(problem, size, work)
    assert all(f.size <= size and f.work <= work for f in found)
    assert min(f.noise for f in found) == pytest.approx(fits[:, 2].min())
    assert front(problem, -1.0) == ()


def test_sixty_layers_stay_near_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the bound of Lagrange's relaxation, with thinning forced."""
    problem = layers(np.random.default_rng(9), 60, 3)
    monkeypatch.setattr(knapsack, "_EXACT", 2000)
    limit = sum(np.mean([x.size for x in items]) for items in problem) * 0.7
    found = front([[Item(x.size, 0.0, x.noise) for x in items] for items in problem], limit)
    best = min(f.noise for f in found)
    bound = max(sum(min(x.noise + price * x.size for x in items) for items in problem)
                - price * limit for price in np.geomspace(1e-4, 1, 200))
    assert bound <= best <= bound * 1.05
