"""Indices as few runs of even steps, each of which one slice takes."""

from __future__ import annotations

from collections.abc import Sequence


def runs_of(flat: Sequence[int]) -> list[range]:
    """`flat` as few ranges of even steps."""
    runs, start = list[range](), 0
    while start < len(flat):
        end, step = start + 1, flat[start + 1] - flat[start] if start + 1 < len(flat) else 1
        while step and end < len(flat) and flat[end] - flat[end - 1] == step:
            end += 1
        runs.append(range(flat[start], flat[start] + (end - start) * (step or 1), step or 1))
        start = end
    return runs
