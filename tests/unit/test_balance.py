"""Balanced calibration: every group as often, no sample on both sides, mistakes by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeq.balance import balanced
from edgeq.board import HOST, Target
from edgeq.dataset import Dataset, Preprocess, load_dataset
from edgeq.errors import DataError
from edgeq.passes import simplify
from edgeq.pipeline import Request, build
from edgeq.readers import read
from edgeq.recipe import ActRange, load_recipe
from edgeq.resources import resource_dir

DIGITS = resource_dir("examples") / "digits"


def samples(tmp_path: Path, group: np.ndarray | None, n: int) -> tuple[Dataset, Path]:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 16, (n, 8, 8, 1)).astype(np.float32)
    x[:, 0, 0, 0] = np.arange(n)
    path = tmp_path / "data.npz"
    arrays = {"x": x, "y": np.arange(n) % 10} | ({} if group is None else {"group": group})
    np.savez(path, **arrays)
    graph = simplify(read(DIGITS / "digits.tflite"))
    return load_dataset(str(path), Preprocess(), graph), path


@pytest.mark.parametrize("n", [5, 40, 203])
def test_groups_come_equally_often_on_both_sides(tmp_path: Path, n: int) -> None:
    group = np.where(np.arange(n) % 5 == 0, "rare", np.where(np.arange(n) % 7 == 0, "odd", "usual"))
    data, _ = samples(tmp_path, group, n)
    even = balanced(data)
    assert even.group is not None
    assert even.y is not None
    which = even.real()["image"][:, 0, 0, 0].astype(int)
    np.testing.assert_array_equal(even.y, which % 10)
    np.testing.assert_array_equal(even.group, group[which])
    assert set(which) == set(range(n))
    if n >= 8:
        judge = np.arange(len(even)) % 4 == 3
        assert not set(which[judge]) & set(which[~judge])
        counts = np.unique(even.group[~judge], return_counts=True)[1]
        assert counts.max() - counts.min() <= 2  # the last places are filled from the start


def test_samples_without_groups_are_refused(tmp_path: Path) -> None:
    data, _ = samples(tmp_path, None, 10)
    with pytest.raises(DataError, match="no groups"):
        balanced(data)


def test_a_rare_group_gets_its_range(tmp_path: Path) -> None:
    """Loud samples of a rare group: percentile ranges cut them unless the groups are balanced."""
    data, path = samples(tmp_path, np.array(["usual"] * 195 + ["rare"] * 5), 200)
    x = np.load(path)["x"] / 16
    x[195:] *= 16
    np.savez(path, x=x, group=data.group)
    recipe = replace(load_recipe("fast"), act_range=ActRange.PERCENTILE, percentile=90.0)
    tops = []
    for balance in (False, True):
        result = build(Request(DIGITS / "digits.tflite", Target(HOST), str(path),
                               replace(recipe, balance=balance)))
        q = result.plan.graph.tensor("image").params
        tops.append(float(q.scale) * (q.qmax - int(q.zero)))
    assert tops[1] > 4 * tops[0]
