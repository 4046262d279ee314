"""Detections: boxes and suppression in integers against TensorFlow Lite Micro, and the C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flatbuffers import flexbuffers
from micro import Micro
from native import Native
from tflite_writer import Value, single_op

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

N, CLASSES, MOST = 60, 4, 8


def options(**changed: object) -> bytes:
    """The custom options as a flexbuffer."""
    values = {"max_detections": MOST, "max_classes_per_detection": 1, "num_classes": CLASSES,
              "nms_score_threshold": 0.2, "nms_iou_threshold": 0.5, "y_scale": 10.0,
              "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0, "detections_per_class": 100,
              "use_regular_nms": False, **changed}
    return bytes(flexbuffers.Dumps(values))


def model_of(rng: np.random.Generator, quantized: bool, **changed: object) -> bytes:
    anchors = np.concatenate([rng.uniform(0.1, 0.9, (N, 2)), rng.uniform(0.1, 0.4, (N, 2))], 1)
    scales = (0.1, 1 / 256) if quantized else (0.0, 0.0)
    return single_op("CUSTOM TFLite_Detection_PostProcess", [
        Value("codes", (1, N, 4), scales[0], 3), Value("scores", (1, N, CLASSES + 1), scales[1],
                                                     -128),
        Value("anchors", (N, 4), data=anchors.astype(np.float32))],
        [Value("boxes", (1, MOST, 4), kind="float32"), Value("classes", (1, MOST), kind="float32"),
         Value("best", (1, MOST), kind="float32"), Value("count", (1,), kind="float32")],
        custom=options(**changed))


def graph_of(model: bytes, folder: Path) -> Graph:
    (folder / "one.tflite").write_bytes(model)
    return read(folder / "one.tflite")


def inputs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores, without equal best scores: their order is not defined the same way."""
    codes = rng.integers(-40, 41, (1, N, 4)).astype(np.int8)
    scores = rng.integers(-128, 0, (1, N, CLASSES + 1))
    best = rng.permutation(np.arange(-100, -100 + 3 * N, 3))
    scores[0, np.arange(N), 1 + rng.integers(0, CLASSES, N)] = best
    return codes, np.clip(scores, -128, 127).astype(np.int8)


def of_every_class(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores of several classes an anchor, no two equal above the threshold."""
    codes = rng.integers(-40, 41, (1, N, 4)).astype(np.int8)
    scores = np.full((1, N, CLASSES + 1), -128, np.int8)
    places = rng.permutation(N * (CLASSES + 1))[:200]
    scores.reshape(-1)[places] = rng.permutation(np.arange(-75, 125)).astype(np.int8)
    return codes, scores


WAYS: dict[str, dict[str, object]] = {
    "fast": {}, "regular": {"use_regular_nms": True},
    "few of a class": {"use_regular_nms": True, "detections_per_class": 2},
    "as many as fit": {"use_regular_nms": True, "nms_iou_threshold": 0.9},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(6))
def test_against_floating_point(native: Native, tmp_path: Path, seed: int, way: str) -> None:
    """The same detections in the same order, boxes to 2^-12 of the image."""
    rng, changed = np.random.default_rng(seed), WAYS[way]
    model = model_of(rng, quantized=True, **changed)
    graph = graph_of(model, tmp_path)
    codes, scores = of_every_class(rng) if changed else inputs(rng)
    want = run_int(graph, {"codes": codes, "scores": scores})
    for name, y in zip(graph.outs, native.run(graph.ops[0], graph, codes, scores), strict=True):
        np.testing.assert_array_equal(y, want[name])
    real = [graph.tensor(n).params.dequantize(q) for n, q in (("codes", codes),
                                                             ("scores", scores))]
    real_model = model_of(np.random.default_rng(seed), quantized=False, **changed)
    floats = graph_of(real_model, tmp_path)
    mine = run_float(floats, dict(zip(floats.ins, real, strict=True)))
    theirs = Micro(real_model).run(*real)
    count = int(want["count"][0])
    assert 0 < count == int(theirs[3][0]) == int(mine["count"][0])
    for name, their in zip(("boxes", "classes", "best"), theirs, strict=False):
        got = graph.tensor(name).params.dequantize(want[name])[:, :count]
        near = {"boxes": 2.0**-12, "classes": 0.0, "best": 1e-6}[name]
        assert np.max(np.abs(got - their[:, :count])) <= near, name
        assert np.max(np.abs(mine[name][:, :count] - their[:, :count])) <= 1e-5, name


def test_nothing_found(native: Native, tmp_path: Path) -> None:
    graph = graph_of(model_of(np.random.default_rng(1), quantized=True), tmp_path)
    codes = np.zeros((1, N, 4), np.int8)
    scores = np.full((1, N, CLASSES + 1), -128, np.int8)
    outs = native.run(graph.ops[0], graph, codes, scores)
    assert [int(np.abs(o.astype(int)).max()) for o in outs] == [0, 0, 128, 0]


def test_quantized_from_floats(tmp_path: Path) -> None:
    """The generated C gives what run_int does; four outputs of three types."""
    rng = np.random.default_rng(2)
    graph = graph_of(model_of(rng, quantized=False), tmp_path)
    samples = (rng.normal(0, 2, (9, N, 4)).astype(np.float32),
               rng.uniform(0, 1, (9, N, CLASSES + 1)).astype(np.float32))
    ints = quantize(graph, samples, load_recipe("fast")).graph
    qs = [ints.tensor(n).params.quantize(x) for n, x in zip(ints.ins, samples, strict=True)]
    want = run_int(ints, dict(zip(ints.ins, qs, strict=True)))
    write(emit(lower(ints, Target(load_board("cortex-m4")), "boxes")), tmp_path / "out")
    for name, y in zip(ints.outs, HostModel(tmp_path / "out").run(*qs), strict=True):
        np.testing.assert_array_equal(y.reshape(want[name].shape), want[name])


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="fast non-maximum suppression"):
        graph_of(model_of(np.random.default_rng(1), quantized=True, max_classes_per_detection=2),
                 tmp_path)
