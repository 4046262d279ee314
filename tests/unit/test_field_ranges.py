"""Sizes beyond the fields of the C structs: an error, or wide enough fields."""

from __future__ import annotations

import numpy as np
import pytest
from graphs.small_graphs import Builder
from native import Native

from edgeq.board import HOST, Target
from edgeq.errors import UnsupportedError
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.ops.pool import MaxPool


def pooled(width: int) -> Graph:
    b = Builder(np.random.default_rng(0))
    return b.graph(["x"], [b.pool(b.input("x", 2, width, 1), MaxPool)])


def test_a_row_too_long_for_its_field_is_refused() -> None:
    lower(pooled(65534), Target(HOST))
    with pytest.raises(UnsupportedError) as caught:
        lower(pooled(65536), Target(HOST))
    assert "in_w = 65536" in str(caught.value)
    assert "0 to 65535" in str(caught.value)


def test_a_softmax_of_more_than_65535_rows(native: Native) -> None:
    b = Builder(np.random.default_rng(0))
    graph = b.graph(["x"], [b.softmax(b.input("x", 257, 256, 2))])
    (op,) = graph.ops
    x = np.random.default_rng(1).integers(-128, 128, (1, 257, 256, 2)).astype(np.int8)
    (want,) = op.run_int(graph, x)
    (got,) = native.run(op, graph, x)
    np.testing.assert_array_equal(got, want)
