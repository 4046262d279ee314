"""SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND: one dilated convolution, as in LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite_models import ModelFile, conv_options
from tflite_writer import Reference

from edgeq.execute import run_float, run_int
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.passes import simplify
from edgeq.readers import read


class Net:
    """A file in the making: float, or int8 of one scale for each tensor."""

    def __init__(self, quantized: bool) -> None:
        self.file, self.quantized = ModelFile(), quantized
        self.rng = np.random.default_rng(3)

    def value(self, name: str, shape: tuple[int, ...], scale: float) -> int:
        if not self.quantized:
            return self.file.tensor(name, shape)
        return self.file.tensor(name, shape, "int8", (float(np.float32(scale)), 5))

    def ints(self, name: str, values: object) -> int:
        return self.file.const(name, np.array(values, np.int32))

    def weights(self, shape: tuple[int, ...], out_c: int) -> list[int]:
        if not self.quantized:
            return [self.file.const("w", self.rng.normal(0, 1, shape).astype(np.float32)),
                    self.file.const("b", self.rng.normal(0, 1, out_c).astype(np.float32))]
        scale = float(np.float32(0.02)) * 0.05
        return [self.file.const("w", self.rng.integers(-127, 128, shape).astype(np.int8),
                                (0.02, 0)),
                self.file.const("b", self.rng.integers(-900, 900, out_c).astype(np.int32),
                                (scale, 0))]


def check(path: Path, kind: type[Conv2D] | type[DepthwiseConv2D], quantized: bool,
          dilation: tuple[int, int]) -> None:
    """The file becomes one operator of `kind`, and gives LiteRT's values."""
    graph = simplify(read(path))
    (op,) = [o for o in graph.ops if not o.is_view]
    assert isinstance(op, kind)
    assert op.dilation == dilation
    rng, shape = np.random.default_rng(4), graph.tensor(graph.ins[0]).shape
    reference = Reference(path.read_bytes())
    for _ in range(3):
        if quantized:
            x = rng.integers(-128, 128, shape).astype(np.int8)
            (got,) = run_int(graph, {graph.ins[0]: x}).values()
            np.testing.assert_array_equal(got, reference.run(x)[0])
        else:
            x = rng.normal(0, 1, shape).astype(np.float32)
            (got,) = run_float(graph, {graph.ins[0]: x}).values()
            np.testing.assert_allclose(got, reference.run(x)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(("block", "pads", "crops"), [
    ((2, 2), ((2, 3), (2, 2)), ((0, 1), (0, 0))), ((3, 2), ((0, 2), (1, 2)), ((0, 2), (1, 2)))])
def test_images(tmp_path: Path, quantized: bool, depthwise: bool, block: tuple[int, int],
                pads: tuple[tuple[int, int], ...], crops: tuple[tuple[int, int], ...]) -> None:
    net, (h, w, c) = Net(quantized), (7, 9, 4)
    if block == (2, 2):
        pads = ((2, 3), (2, 3))
        crops = ((0, 1), (0, 1))
    if block == (3, 2):
        pads, crops = ((0, 2), (1, 2)), ((0, 2), (1, 2))
    rows = [(n + sum(p)) // b for n, p, b in zip((h, w), pads, block, strict=True)]
    assert all((n + sum(p)) % b == 0 for n, p, b in zip((h, w), pads, block, strict=True))
    cuts = block[0] * block[1]
    x = net.value("x", (1, h, w, c), 0.05)
    cut = net.value("cut", (cuts, *rows, c), 0.05)
    net.file.op("SPACE_TO_BATCH_ND", [x, net.ints("sb", block), net.ints("sp", pads)], [cut],
                schema.SpaceToBatchNDOptionsT())
    out_c = c if depthwise else 6
    done = net.value("done", (cuts, rows[0] - 2, rows[1] - 1, out_c), 0.3)
    options = schema.DepthwiseConv2DOptionsT() if depthwise else conv_options()
    options.padding, options.strideH, options.strideW = schema.Padding.VALID, 1, 1
    if depthwise:
        options.depthMultiplier = 1
        options.dilationHFactor = options.dilationWFactor = 1
    shape = (1, 3, 2, c) if depthwise else (out_c, 3, 2, c)
    net.file.op("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
                [cut, *net.weights(shape, out_c)], [done], options)
    full = [(rows[0] - 2) * block[0] - sum(crops[0]), (rows[1] - 1) * block[1] - sum(crops[1])]
    y = net.value("y", (1, *full, out_c), 0.3)
    net.file.op("BATCH_TO_SPACE_ND", [done, net.ints("bb", block), net.ints("bc", crops)], [y],
                schema.BatchToSpaceNDOptionsT())
    check(net.file.write(tmp_path / "net.tflite", [x], [y]),
          DepthwiseConv2D if depthwise else Conv2D, quantized, block)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("first", [True, False])
def test_sequences(tmp_path: Path, quantized: bool, first: bool) -> None:
    """As Keras writes a causal Conv1D with dilation 4: over (1, time) or (time, 1)."""
    net, steps, c = Net(quantized), 12, 5
    x = net.value("x", (1, steps, c), 0.05)
    cut = net.value("cut", (4, 5, c), 0.05)
    net.file.op("SPACE_TO_BATCH_ND", [x, net.ints("sb", [4]), net.ints("sp", [[8, 0]])], [cut],
                schema.SpaceToBatchNDOptionsT())
    image = (4, 1, 5, c) if first else (4, 5, 1, c)
    wide = net.value("wide", image, 0.05)
    net.file.op("RESHAPE", [cut, net.ints("s1", image)], [wide], schema.ReshapeOptionsT())
    done = net.value("done", (4, 1, 3, 6) if first else (4, 3, 1, 6), 0.3)
    options = conv_options()
    options.padding = schema.Padding.VALID
    net.file.op("CONV_2D", [wide, *net.weights((6, 1, 3, c) if first else (6, 3, 1, c), 6)],
                [done], options)
    flat = net.value("flat", (4, 3, 6), 0.3)
    net.file.op("RESHAPE", [done, net.ints("s2", (4, 3, 6))], [flat], schema.ReshapeOptionsT())
    y = net.value("y", (1, steps, 6), 0.3)
    net.file.op("BATCH_TO_SPACE_ND", [flat, net.ints("bb", [4]), net.ints("bc", [[0, 0]])], [y],
                schema.BatchToSpaceNDOptionsT())
    check(net.file.write(tmp_path / "net.tflite", [x], [y]), Conv2D, quantized,
          (1, 4) if first else (4, 1))


def test_sizes_computed_at_run_time(tmp_path: Path) -> None:
    """Files whose sizes are open when they are written give no shapes behind the cuts."""
    net, c = Net(False), 4
    x = net.value("x", (1, 6, 9, c), 0.05)
    options = schema.ShapeOptionsT()
    options.outType = schema.TensorType.INT32
    net.file.op("SHAPE", [x], [net.file.tensor("size", (4,), "int32")], options)
    cut = net.value("cut", (1, 1, 1, c), 0.05)
    net.file.op("SPACE_TO_BATCH_ND",
                [x, net.ints("sb", [2, 2]), net.ints("sp", [[2, 2], [2, 3]])], [cut],
                schema.SpaceToBatchNDOptionsT())
    done, valid = net.value("done", (1, 1, 1, 6), 0.3), conv_options()
    valid.padding = schema.Padding.VALID
    net.file.op("CONV_2D", [cut, *net.weights((6, 3, 3, c), 6)], [done], valid)
    y = net.value("y", (1, 1, 1, 6), 0.3)
    net.file.op("BATCH_TO_SPACE_ND",
                [done, net.ints("bb", [2, 2]), net.ints("bc", [[0, 0], [0, 1]])], [y],
                schema.BatchToSpaceNDOptionsT())
    check(net.file.write(tmp_path / "net.tflite", [x], [y]), Conv2D, False, (2, 2))
