"""The integer program of mixed precision: one option a layer, least noise within two budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EXACT = 20_000  # labels; more are thinned
_GRID = (1024, 128)  # cells of size and work that keep one label each then

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Item:
    """One way to do a layer."""

    size: float  # bytes
    work: float  # instructions
    noise: float


@dataclass(frozen=True)
class Solution:
    """One item a layer, by index, and their sums."""

    picks: tuple[int, ...]
    size: float
    work: float
    noise: float


@dataclass(frozen=True, eq=False)
class _Labels:
    """Partial choices over the layers so far."""

    sums: NDArray[np.float64]  # (n, 3): size, work, noise
    picks: NDArray[np.int8]  # (n, layers so far)

    def at(self, keep: NDArray[np.intp]) -> _Labels:
        return _Labels(self.sums[keep], self.picks[keep])


def front(layers: Sequence[Sequence[Item]], max_size: float = np.inf,
          max_work: float = np.inf) -> tuple[Solution, ...]:
    """The choices that no other beats in size, work and noise, within the budgets; by size.

    Dynamic programming over the layers: partial choices that another one beats in all three sums
    are dropped. Exact while fewer than _EXACT remain; beyond, the size and work are seen on a grid
    of _GRID cells, of each of which the least noise stays.
    """
    labels = _Labels(np.zeros((1, 3)), np.zeros((1, 0), np.int8))
    for i, items in enumerate(layers):
        table = np.array([(x.size, x.work, x.noise) for x in items])
        sums = (labels.sums[:, None] + table[None]).reshape(-1, 3)
        picks = np.concatenate([np.repeat(labels.picks, len(items), 0), np.tile(
            np.arange(len(items), dtype=np.int8), len(labels.sums))[:, None]], 1)
        rest = layers[i + 1:]
        fits = (sums[:, 0] + sum(min(x.size for x in r) for r in rest) <= max_size) & (
            sums[:, 1] + sum(min(x.work for x in r) for r in rest) <= max_work)
        labels = _unbeaten(_Labels(sums, picks).at(np.flatnonzero(fits)))
    order = np.lexsort((labels.sums[:, 2], labels.sums[:, 0]))
    return tuple(Solution(tuple(map(int, labels.picks[j])), *map(float, labels.sums[j]))
                 for j in order)


def _unbeaten(labels: _Labels) -> _Labels:
    if len(labels.sums) > _EXACT:
        labels = _thinned(labels)
    order = np.lexsort((labels.sums[:, 2], labels.sums[:, 1], labels.sums[:, 0]))
    sums, kept = labels.sums[order], list[int]()
    # walked by size: a label stays unless one before it has no more work and no more noise
    works, noises = np.zeros(0), np.zeros(0)  # stairs: work grows, noise falls
    for j, (_, work, noise) in enumerate(sums):
        at = int(np.searchsorted(works, work, "right"))
        if at and noises[at - 1] <= noise:
            continue
        kept.append(j)
        end = at
        while end < len(works) and noises[end] >= noise:
            end += 1
        works = np.concatenate([works[:at], [work], works[end:]])
        noises = np.concatenate([noises[:at], [noise], noises[end:]])
    return labels.at(order[kept])


def _thinned(labels: _Labels) -> _Labels:
    """The label of least noise in each cell of the grid."""
    cell = np.zeros(len(labels.sums), np.int64)
    for column, cells in enumerate(_GRID):
        x = labels.sums[:, column]
        width = max(float(np.ptp(x)), 1e-30)
        cell = cell * cells + ((x - x.min()) / width * (cells - 1)).astype(np.int64)
    order = np.lexsort((labels.sums[:, 2], cell))
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    return labels.at(order[first])
