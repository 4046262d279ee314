"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND around anything: LiteRT's values, and in C the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from test_dilated_batches import Net
from tflite_models import ModelFile, conv_options, dense_options
from tflite_writer import Reference

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.lower import lower
from edgeq.ops.conv2d import Conv2D
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

SHAPE = (1, 8, 12, 3)


def agrees(path: Path, folder: Path, quantized: bool) -> None:
    """Float: as LiteRT, for three samples at once. Integers: LiteRT's bytes, and those of C."""
    graph = simplify(read(path))
    shape, rng = graph.tensor(graph.ins[0]).shape, np.random.default_rng(1)
    reference = Reference(path.read_bytes())
    real = rng.normal(0, 1, (3, *shape[1:])).astype(np.float32)
    x = rng.integers(-128, 128, real.shape).astype(np.int8) if quantized else real
    feeds = {graph.ins[0]: x}
    got = run_int(graph, feeds) if quantized else run_float(graph, feeds)  # type: ignore[arg-type]
    file_shape = read(path).tensor(graph.ins[0]).shape
    for i, name in enumerate(graph.outs):
        want = np.stack([reference.run(one.reshape(file_shape))[i] for one in x])
        np.testing.assert_allclose(got[name], want.reshape(got[name].shape), rtol=1e-4,
                                   atol=0 if quantized else 1e-4)
    ints = graph if quantized else quantize(graph, real, load_recipe("fast")).graph
    q = x if quantized else ints.tensor(ints.ins[0]).params.quantize(real)
    wanted = run_int(ints, {ints.ins[0]: q})
    write(emit(lower(ints, Target(load_board("cortex-m55")), "net")), folder / "out")
    for name, y in zip(ints.outs, HostModel(folder / "out").run(q), strict=True):
        np.testing.assert_array_equal(y, wanted[name])


def space_to_batch(net: Net, x: int, name: str, shape: tuple[int, ...], block: tuple[int, ...],
                   pads: tuple[tuple[int, int], ...]) -> tuple[int, tuple[int, ...]]:
    """The cuts of `x`, and their shape."""
    m, count = len(block), int(np.prod(block))
    sizes = [(n + sum(p)) // b for n, p, b in zip(shape[1:], pads, block, strict=False)]
    out = (shape[0] * count, *sizes, *shape[1 + m:])
    y = net.value(name, out, 0.05)
    net.file.op("SPACE_TO_BATCH_ND",
                [x, net.ints(f"{name}_b", block), net.ints(f"{name}_p", pads)], [y],
                schema.SpaceToBatchNDOptionsT())
    return y, out


def batch_to_space(net: Net, x: int, name: str, shape: tuple[int, ...], block: tuple[int, ...],
                   crops: tuple[tuple[int, int], ...], scale: float) -> int:
    """The cuts `x` put together."""
    m, count = len(block), int(np.prod(block))
    sizes = [n * b - sum(c) for n, c, b in zip(shape[1:], crops, block, strict=False)]
    y = net.value(name, (shape[0] // count, *sizes, *shape[1 + m:]), scale)
    net.file.op("BATCH_TO_SPACE_ND",
                [x, net.ints(f"{name}_b", block), net.ints(f"{name}_c", crops)], [y],
                schema.BatchToSpaceNDOptionsT())
    return y


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize(("block", "pads", "crops"), [
    ((2, 3), ((0, 0), (0, 0)), ((0, 0), (0, 0))), ((3, 2), ((1, 0), (2, 4)), ((0, 2), (3, 1))),
    ((4,), ((2, 2),), ((1, 0),))])
def test_there_and_back(tmp_path: Path, quantized: bool, block: tuple[int, ...],
                        pads: tuple[tuple[int, int], ...],
                        crops: tuple[tuple[int, int], ...]) -> None:
    """Nothing between; the way back crops something else than the padding."""
    net, whole = Net(quantized), SHAPE if len(block) == 2 else (1, 8, 5)
    x = net.value("x", whole, 0.05)
    cuts, shape = space_to_batch(net, x, "cuts", whole, block, pads)
    y = batch_to_space(net, cuts, "y", shape, block, crops, 0.05)
    agrees(net.file.write(tmp_path / "net.tflite", [x], [y]), tmp_path, quantized)


@pytest.mark.parametrize("quantized", [False, True])
def test_a_convolution_that_is_no_dilation(tmp_path: Path, quantized: bool) -> None:
    """Padding inside the cuts: every cut gets a convolution, all with the same weights."""
    net = Net(quantized)
    x = net.value("x", SHAPE, 0.05)
    cuts, shape = space_to_batch(net, x, "cuts", SHAPE, (2, 2), ((0, 0), (0, 0)))
    done = net.value("done", (*shape[:3], 6), 0.3)
    net.file.op("CONV_2D", [cuts, *net.weights((6, 3, 3, 3), 6)], [done], conv_options())
    y = batch_to_space(net, done, "y", (*shape[:3], 6), (2, 2), ((0, 0), (0, 0)), 0.3)
    path = net.file.write(tmp_path / "net.tflite", [x], [y])
    convolutions = [op for op in simplify(read(path)).ops if isinstance(op, Conv2D)]
    assert len(convolutions) == 4
    assert len({op.ins[1:] for op in convolutions}) == 1
    agrees(path, tmp_path, quantized)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("kind", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
@pytest.mark.parametrize(("side", "stride", "same"), [(2, 2, False), (3, 2, True)])
def test_pools(tmp_path: Path, quantized: bool, kind: str, side: int, stride: int,
               same: bool) -> None:
    """Windows of one image alone, and windows over a border."""
    net = Net(quantized)
    x = net.value("x", SHAPE, 0.05)
    cuts, _ = space_to_batch(net, x, "cuts", SHAPE, (2, 2), ((0, 0), (0, 0)))
    out = (4, 2, 3, 3)
    options = schema.Pool2DOptionsT()
    options.filterHeight = options.filterWidth = side
    options.strideH = options.strideW = stride
    options.padding = schema.Padding.SAME if same else schema.Padding.VALID
    pooled = net.value("pooled", out, 0.05)
    net.file.op(kind, [cuts], [pooled], options)
    y = batch_to_space(net, pooled, "y", out, (2, 2), ((0, 0), (0, 1)), 0.05)
    agrees(net.file.write(tmp_path / "net.tflite", [x], [y]), tmp_path, quantized)


@pytest.mark.parametrize("quantized", [False, True])
def test_a_dilation_whose_batch_is_read_as_well(tmp_path: Path, quantized: bool) -> None:
    """The cuts feed a dilated convolution and an output: one operator, and the batch laid out."""
    net = Net(quantized)
    x = net.value("x", SHAPE, 0.05)
    cuts, shape = space_to_batch(net, x, "cuts", SHAPE, (2, 2), ((2, 2), (2, 2)))
    small = (4, shape[1] - 2, shape[2] - 2, 6)
    done, options = net.value("done", small, 0.3), conv_options()
    options.padding = schema.Padding.VALID
    net.file.op("CONV_2D", [cuts, *net.weights((6, 3, 3, 3), 6)], [done], options)
    y = batch_to_space(net, done, "y", small, (2, 2), ((0, 0), (0, 0)), 0.3)
    z = batch_to_space(net, cuts, "z", shape, (2, 2), ((2, 2), (2, 2)), 0.05)
    path = net.file.write(tmp_path / "net.tflite", [x], [y, z])
    (convolution,) = [op for op in simplify(read(path)).ops if isinstance(op, Conv2D)]
    assert convolution.dilation == (2, 2)
    agrees(path, tmp_path, quantized)


def test_a_mean_over_the_batch(tmp_path: Path) -> None:
    """MEAN over the cuts and a space axis, which do not lie side by side."""
    net = Net(True)
    x = net.value("x", SHAPE, 0.05)
    cuts, shape = space_to_batch(net, x, "cuts", SHAPE, (2, 2), ((0, 0), (0, 0)))
    y = net.value("y", (shape[1], shape[3]), 0.03)
    options = schema.ReducerOptionsT()
    net.file.op("MEAN", [cuts, net.ints("axes", (0, 2))], [y], options)
    agrees(net.file.write(tmp_path / "net.tflite", [x], [y]), tmp_path, True)


def test_no_batch_axis(tmp_path: Path) -> None:
    """A model of vectors: samples come as (n, values)."""
    rng, file = np.random.default_rng(2), ModelFile()
    x, wide = file.tensor("x", (8,)), file.tensor("wide", (1, 8))
    shape = file.const("shape", np.array([1, 8], np.int32))
    file.op("RESHAPE", [x, shape], [wide], schema.ReshapeOptionsT())
    w = file.const("w", rng.normal(0, 1, (5, 8)).astype(np.float32))
    b, y = file.const("b", np.zeros(5, np.float32)), file.tensor("y", (1, 5))
    file.op("FULLY_CONNECTED", [wide, w, b], [y], dense_options())
    path = file.write(tmp_path / "net.tflite", [x], [y])
    assert simplify(read(path)).tensor("x").shape == (1, 8)
    agrees(path, tmp_path, False)
