"""Non-maximum suppression of ONNX models: float, integers and C against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.board import HOST, Target  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.errors import UnsupportedError  # noqa: E402
from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.host import HostModel  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.readers import read  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402

N, CLASSES, MOST = 40, 3, 6


def model(folder: Path, centred: bool, most: int = MOST) -> Path:
    m = OnnxFile()
    m.input("boxes", (1, N, 4))
    m.input("scores", (1, CLASSES, N))
    m.op("NonMaxSuppression", ["boxes", "scores", m.integers("most", most),
                               m.const("iou", np.float32(0.4)),
                               m.const("least", np.float32(0.3))], "rows",
         center_point_box=int(centred))
    m.output("rows", 7)
    return m.write(folder / "nms.onnx")


def inputs(rng: np.random.Generator, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """Boxes in steps of 1/64, corners in any order, and scores that differ within a class."""
    centre, half = rng.integers(16, 48, (N, 2)), rng.integers(2, 14, (N, 2))
    boxes = np.concatenate([centre, 2 * half] if centred else [centre - half, centre + half], 1)
    if not centred:
        turned = rng.random(N) < 0.3
        boxes[turned] = boxes[turned][:, [2, 3, 0, 1]]
    scores = np.stack([rng.permutation(np.arange(256))[:N] for _ in range(CLASSES)]) / 255
    return (boxes[None] / 64).astype(np.float32), scores[None].astype(np.float32)


@pytest.mark.parametrize("centred", [False, True], ids=["corners", "centres"])
@pytest.mark.parametrize("seed", range(4))
def test_as_onnx_runtime(tmp_path: Path, seed: int, centred: bool) -> None:
    rng = np.random.default_rng(seed)
    path = model(tmp_path, centred)
    samples = [inputs(rng, centred) for _ in range(8)]
    graph = simplify(read(path))
    ints = quantize(graph, tuple(np.concatenate(part) for part in zip(*samples, strict=True)),
                    load_recipe("fast")).graph
    write(emit(lower(ints, Target(HOST), "nms")), tmp_path / "out")
    host, session = HostModel(tmp_path / "out"), ort.InferenceSession(path)
    for given in samples[:3]:
        feeds = dict(zip(("boxes", "scores"), given, strict=True))
        (want,) = session.run(None, feeds)
        got = run_float(graph, feeds)["rows"].reshape(-1, 3)
        np.testing.assert_array_equal(got[:len(want)], want)
        assert (got[len(want):] == -1).all()
        qs = {n: ints.tensor(n).params.quantize(x) for n, x in feeds.items()}
        real = {n: ints.tensor(n).params.dequantize(q).astype(np.float32) for n, q in qs.items()}
        (want,) = session.run(None, real)  # of the very values that the integers stand for
        rows = run_int(ints, qs)["rows"].reshape(-1, 3)
        np.testing.assert_array_equal(rows[:len(want)], want)
        assert (rows[len(want):] == -1).all()
        (c,) = host.run(*(qs[n] for n in ints.ins))
        np.testing.assert_array_equal(c.reshape(-1, 3), rows)


def test_no_boxes_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="max_output_boxes_per_class"):
        read(model(tmp_path, False, 0))
