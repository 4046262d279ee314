"""Calibration that every group of the samples has the same part in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.dataset import Dataset
from edgeq.errors import DataError

_ASIDE = 4  # the quantizer and the searches set every fourth sample aside
_FEW = 8  # of fewer samples none is set aside
Rows = NDArray[np.int64]


def balanced(data: Dataset) -> Dataset:
    """`data` with samples of smaller groups repeated until all groups are as large as the largest.

    Samples at every fourth place of `data` judge what the others feed; copies stay on their side.
    Raises DataError where the samples have no groups.
    """
    if data.group is None:
        raise DataError(data.source, "no groups to balance", "an array `group`, or the column "
                        "`group` of labels.csv", "leave `balance` out")
    rows = np.arange(len(data))
    if len(rows) < _FEW:
        return data.take(_repeated(rows, data.group).tolist())
    judge = rows % _ASIDE == _ASIDE - 1
    feeding, judging = (_repeated(rows[side], data.group[side]) for side in (~judge, judge))
    count = max(-(-len(feeding) // (_ASIDE - 1)), len(judging))
    places = np.resize(feeding, (_ASIDE - 1) * count).reshape(count, _ASIDE - 1)
    return data.take(np.concatenate([places, np.resize(judging, count)[:, None]], 1)
                     .reshape(-1).tolist())


def _repeated(rows: Rows, group: NDArray[np.str_]) -> Rows:
    """`rows`, each group as often as the largest one, the groups taking turns."""
    members = [rows[group == name] for name in np.unique(group)]
    most = max(len(m) for m in members)
    return np.stack([np.resize(m, most) for m in members], 1).reshape(-1)
