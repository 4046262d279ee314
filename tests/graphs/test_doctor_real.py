"""The calibration doctor on real models: silent on their data, and each built-in fault named."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import real
from numpy.typing import NDArray

from edgeq.dataset import Dataset, Preprocess, load_dataset
from edgeq.doctor import examine
from edgeq.finding import Finding, Kind
from edgeq.ir import Graph
from edgeq.passes import simplify
from edgeq.readers import read

Shared = Callable[[str], Path]
Floats = NDArray[np.float32]
_MEAN, _DEVIATION = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


class _Array:
    def __init__(self, x: Floats) -> None:
        self.x = np.asarray(x, np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def read(self, start: int, stop: int) -> Floats:
        return self.x[start:stop]


@lru_cache(maxsize=8)
def graph_of(path: Path) -> Graph:
    return simplify(read(path))


def loaded(shared: Shared, name: str, count: int) -> tuple[Graph, Floats, NDArray[np.int64]]:
    """The graph of the case `name`, `count` of its right samples spread evenly, and labels."""
    case = real.CASES[name]
    graph = graph_of(shared(f"models/{case.model}.tflite"))
    path = str(shared(f"data/{case.evaluation}"))
    data = load_dataset(path, case.preprocess, graph)
    data = data.take(np.linspace(0, len(data) - 1, min(len(data), count)).astype(int).tolist())
    assert data.y is not None
    return graph, data.real()[graph.ins[0]], data.y


def found(graph: Graph, x: Floats, y: NDArray[np.int64] | None = None,
          preprocess: Preprocess = Preprocess()) -> dict[Kind, Finding]:  # noqa: B008
    data = Dataset({graph.ins[0]: _Array(x)}, preprocess, y, source="made")
    return {f.kind: f for f in examine(graph, data).findings}


@pytest.mark.parametrize(("model", "data"), [
    ("mlperf_kws_float32.tflite", "mlperf_kws_calib.npz"),
    ("mlperf_kws_float32.tflite", "mlperf_kws_eval.npz"),
    ("mlperf_ic_float32.tflite", "cifar10_calib.npz"),
    ("mlperf_ic_float32.tflite", "cifar10_eval.npz"),
    ("arm_kws_ds_cnn_s_float32.tflite", "arm_kws_mfcc_calib.npz"),
    ("arm_kws_lstm_s_float32.onnx", "arm_kws_mfcc_calib.npz"),
    ("arm_kws_gru_s_float32.onnx", "arm_kws_gru_mfcc_calib.npz")])
def test_right_data_is_not_suspected(shared: Shared, model: str, data: str) -> None:
    graph = graph_of(shared(f"models/{model}"))
    path = str(shared(f"data/{data}"))
    assert examine(graph, load_dataset(path, Preprocess(), graph)).findings == ()


@pytest.mark.parametrize("name", ["vww", pytest.param("mobilenet", marks=pytest.mark.slow)])
def test_right_pictures_are_not_suspected(shared: Shared, name: str) -> None:
    case = real.CASES[name]
    graph = graph_of(shared(f"models/{case.model}.tflite"))
    for part in (case.calib, case.evaluation):
        path = str(shared(f"data/{part}"))
        assert examine(graph, load_dataset(path, case.preprocess, graph)).findings == ()


def test_a_silent_frame_that_sets_the_range_is_shown_with_its_sample(shared: Shared) -> None:
    """In the speech features for evaluation digital silence lies far below everything else."""
    graph = graph_of(shared("models/arm_kws_ds_cnn_s_float32.tflite"))
    data = load_dataset(str(shared("data/arm_kws_mfcc_eval.npz")), Preprocess(), graph)
    (outlier,) = examine(graph, data).findings
    assert outlier.kind is Kind.OUTLIERS
    lowest = data.real()[graph.ins[0]].reshape(len(data), -1).min(1).argmin()
    assert f"sample {lowest}" in outlier.text


@pytest.mark.parametrize(("name", "scaling"), [
    (name, scaling) for name in ("ic", "vww") for scaling in (
        "0..1", "-1..1", "0..255", "-128..127", "imagenet")
    if (name, scaling) not in (("ic", "0..255"), ("vww", "0..1"))])
def test_pictures_in_a_wrong_range_get_the_right_options(
        shared: Shared, name: str, scaling: str) -> None:
    graph, right, y = loaded(shared, name, 200)
    u = right.astype(np.float64) / (255 if name == "ic" else 1)
    wrong = {"0..1": u, "-1..1": 2 * u - 1, "0..255": 255 * u, "-128..127": 255 * u - 128,
             "imagenet": (u - _MEAN) / _DEVIATION}[scaling]
    finding = found(graph, wrong.astype(np.float32), y)[Kind.INPUT_RANGE]
    options = finding.fix.split(": ")[1].split()
    scale, offset = (np.array([float(v) for v in options[i].split(",")]) for i in (1, 3))
    np.testing.assert_allclose(wrong * scale + offset, right, atol=0.01 * right.max())


def test_the_options_go_behind_those_that_are_set(shared: Shared) -> None:
    """Bytes that were halved and shifted on the way: the network wants them divided by 255."""
    graph, right, y = loaded(shared, "vww", 96)
    bytes_ = np.round(right * 255)
    finding = found(graph, bytes_, y, Preprocess((2 / 255,), (-1.0,)))[Kind.INPUT_RANGE]
    assert finding.fix.endswith("--scale 0.003921569 --offset 0")


@pytest.mark.parametrize(("factor", "name"), [(10.0, "divided by 10"), (1 / 255, "times 255")])
def test_features_in_a_wrong_range(shared: Shared, factor: float, name: str) -> None:
    graph, x, y = loaded(shared, "kws", 200)
    assert name in found(graph, x * np.float32(factor), y)[Kind.INPUT_RANGE].text


@pytest.mark.parametrize("name", ["ic", "vww"])
def test_channels_in_reverse_order(shared: Shared, name: str) -> None:
    graph, x, y = loaded(shared, name, 256)
    assert set(found(graph, x[..., ::-1], y)) == {Kind.CHANNEL_ORDER}


def test_wrong_range_and_wrong_order_are_both_named(shared: Shared) -> None:
    graph, x, y = loaded(shared, "ic", 256)
    assert {Kind.INPUT_RANGE, Kind.CHANNEL_ORDER} <= set(found(graph, x[..., ::-1] / 255, y))


@pytest.mark.parametrize("shift", [-1, 1])
def test_labels_that_start_at_another_number(shared: Shared, shift: int) -> None:
    graph, x, y = loaded(shared, "ic", 200)
    assert found(graph, x, y + shift)[Kind.LABEL_OFFSET].fix == f"--label-offset {-shift}"


def test_integers_of_another_model_are_no_better_than_guessing(shared: Shared) -> None:
    graph, x, y = loaded(shared, "kws", 200)
    assert Kind.GUESSING in found(graph, np.round(x / 0.585) + 83, y)


@pytest.mark.parametrize(("name", "factor"), [("kws", 1 / 255), ("ic", 1 / 255)])
def test_without_labels_answers_that_tell_nothing_are_named(
        shared: Shared, name: str, factor: float) -> None:
    graph, x, _ = loaded(shared, name, 100)
    assert set(found(graph, x)) == set()
    assert Kind.ONE_ANSWER in found(graph, x * np.float32(factor))
    if name == "ic":  # from -1 to 1: several classes are the answer, but never surely
        finding = found(graph, x / np.float32(127.5) - 1)[Kind.ONE_ANSWER]
        assert "tell 0." in finding.text


def test_answers_that_saturate(shared: Shared) -> None:
    graph, x, _ = loaded(shared, "vww", 96)
    assert Kind.SATURATED in found(graph, x * 255 - 128)


@pytest.mark.parametrize("name", ["kws", "ic", "vww"])
def test_samples_that_are_few_constant_or_repeated(shared: Shared, name: str) -> None:
    graph, x, y = loaded(shared, name, 60)
    assert set(found(graph, x, y)) == set()
    assert Kind.FEW_SAMPLES in found(graph, x[:20], y[:20])
    broken = x.copy()
    broken[7] = x[0].mean()
    broken[11] = x[3]
    findings = found(graph, broken, y)
    assert "(index 7)" in findings[Kind.CONSTANT].text
    assert "(index 11)" in findings[Kind.DUPLICATES].text
    broken[20, 0, 0] = np.nan
    assert "(index 20)" in found(graph, broken, y)[Kind.NOT_FINITE].text


@pytest.mark.parametrize("name", ["kws", "ic", "vww"])
def test_an_outlier_is_shown_wherever_it_is(shared: Shared, name: str) -> None:
    """Also in a sample that the trials leave out, and behind one that is not finite."""
    graph, x, y = loaded(shared, name, 1500)
    broken = x.copy()
    place = len(x) - 2
    broken[place, 3, 3, 0] = 5 * np.abs(x).max()
    broken[1] = np.nan
    finding = found(graph, broken, y)[Kind.OUTLIERS]
    assert f"sample {place}" in finding.text
