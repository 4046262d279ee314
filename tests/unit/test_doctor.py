"""The calibration doctor: silent on good data, and every fault that is built in is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeq.dataset import Dataset, Preprocess, load_dataset
from edgeq.doctor import Diagnosis, examine
from edgeq.errors import DataError
from edgeq.finding import Kind
from edgeq.ir import Graph, Tensor
from edgeq.passes import simplify
from edgeq.readers import read
from edgeq.resources import resource_dir

DIGITS = resource_dir("examples") / "digits"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return simplify(read(DIGITS / "digits.tflite"))


def calib() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    data = np.load(DIGITS / "digits_calib.npz")
    return data["x"].astype(np.float32), data["y"].astype(np.int64)


class _Array:
    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.x[start:stop]


def dataset(graph: Graph, x: NDArray[np.float32], y: NDArray[np.int64] | None = None) -> Dataset:
    return Dataset({graph.ins[0]: _Array(x)}, y=y, source="made")


def kinds(diagnosis: Diagnosis) -> set[Kind]:
    return {f.kind for f in diagnosis.findings}


@pytest.mark.parametrize("name", ["digits_calib.npz", "digits_eval.npz"])
def test_nothing_is_found_in_good_data(graph: Graph, name: str) -> None:
    data = load_dataset(str(DIGITS / name), Preprocess(), graph)
    assert examine(graph, data).findings == ()


def test_nan_is_reported_and_left_out(graph: Graph) -> None:
    x, y = calib()
    x[7, 2, 2] = np.nan
    x[50, 0, 0] = np.inf
    found = examine(graph, dataset(graph, x, y))
    assert kinds(found) == {Kind.NOT_FINITE}
    assert "2 of 100 samples (index 7, 50)" in found.findings[0].text
    assert len(found.data) == 98
    assert found.data.y is not None
    np.testing.assert_array_equal(found.data.y, np.delete(y, [7, 50]))
    np.testing.assert_array_equal(found.data.real(6, 8)[graph.ins[0]], x[[6, 8]])
    with pytest.raises(DataError, match="every sample"):
        examine(graph, dataset(graph, np.full_like(x, np.nan), y))


def test_few_constant_and_repeated_samples(graph: Graph) -> None:
    x, y = calib()
    assert kinds(examine(graph, dataset(graph, x[:31], y[:31]))) == {Kind.FEW_SAMPLES}
    assert kinds(examine(graph, dataset(graph, x[:32], y[:32]))) == set()
    repeated = examine(graph, dataset(graph, np.concatenate([x, x[3:5]])))
    assert kinds(repeated) == {Kind.DUPLICATES}
    assert "index 100, 101" in repeated.findings[0].text
    x[9] = 4.0
    constant = examine(graph, dataset(graph, x))
    assert kinds(constant) == {Kind.CONSTANT}
    assert "index 9" in constant.findings[0].text


def test_an_outlier_that_sets_the_range_of_the_input(graph: Graph) -> None:
    x, y = calib()
    x[0, 0, 0] = 160.0  # one of 6,400 values, ten times the largest
    found = [f for f in examine(graph, dataset(graph, x, y)).findings if f.where == graph.ins[0]]
    assert [f.kind for f in found] == [Kind.OUTLIERS]
    assert "90 % of the range" in found[0].text


def test_inputs_in_a_wrong_range(graph: Graph) -> None:
    x, y = calib()
    small = examine(graph, dataset(graph, x / 16, y))
    assert Kind.INPUT_RANGE in kinds(small)
    assert "times 16: 100.0 %" in next(f for f in small.findings
                                       if f.kind is Kind.INPUT_RANGE).text
    assert kinds(examine(graph, dataset(graph, x * 16))) >= {Kind.SATURATED}  # without labels
    assert kinds(examine(graph, dataset(graph, x * 16, y))) >= {Kind.SATURATED, Kind.INPUT_RANGE}


@pytest.mark.parametrize("wrong", [-1, 1])
def test_labels_off_by_one(graph: Graph, wrong: int) -> None:
    x, y = calib()
    found = examine(graph, dataset(graph, x, (y + wrong) % 10))
    assert kinds(found) == {Kind.LABEL_OFFSET}
    assert found.findings[0].fix == f"--label-offset {-wrong}"


def test_channels_in_reverse_order(graph: Graph) -> None:
    """The digits with ink in the first of three channels; the data has it in the last."""
    first, source = graph.ops[0], graph.ins[0]
    weight = np.asarray(graph.const(first.ins[1]), np.float32)
    wide = np.concatenate([weight, 0 * weight, 0 * weight], -1)
    colour = graph.replace(tensors={
        **graph.tensors, source: Tensor(source, (1, 8, 8, 3)),
        first.ins[1]: Tensor(first.ins[1], wide.shape, wide)}, ops=(replace(first), *graph.ops[1:]))
    x, y = calib()
    other = np.random.default_rng(0).permutation(x) / 4
    good = np.concatenate([x, other, other / 2], -1)
    assert kinds(examine(colour, dataset(colour, good, y))) == set()
    swapped = np.ascontiguousarray(good[..., ::-1])
    assert Kind.CHANNEL_ORDER in kinds(examine(colour, dataset(colour, swapped, y)))


def test_one_answer_to_everything(graph: Graph) -> None:
    x, _ = calib()
    noise = np.random.default_rng(0).random(x.shape).astype(np.float32) * 0.01
    assert Kind.ONE_ANSWER in kinds(examine(graph, dataset(graph, noise)))
