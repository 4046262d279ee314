"""Shape arithmetic in a TFLite file becomes constants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_models import ModelFile, schema

from edgeq.errors import EdgeqError, UnsupportedError
from edgeq.execute import run_float
from edgeq.ops.gather import Slice
from edgeq.readers import read, verdicts


def ints(*values: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, np.int32)


def cut(file: ModelFile, divisor: int = 12) -> tuple[int, int]:
    """x[:shape[0], :shape[1] * shape[2] // divisor, :6], sizes computed in the file: (x, y)."""
    x, y = file.tensor("x", (1, 4, 6)), file.tensor("y", (1, 2, 6))
    shape = file.tensor("shape", (3,), "int32")
    file.op("SHAPE", [x], [shape], schema.ShapeOptionsT())
    sizes = []
    for i in range(3):
        options = schema.StridedSliceOptionsT()
        options.shrinkAxisMask = 1
        size = file.tensor(f"size{i}", (), "int32")
        file.op("STRIDED_SLICE", [shape, *(file.const(f"{what}{i}", ints(value)) for what, value
                                           in (("begin", i), ("end", i + 1), ("step", 1)))],
                [size], options)
        sizes.append(size)
    product, rows = file.tensor("product", (), "int32"), file.tensor("rows", (), "int32")
    file.op("MUL", sizes[1:], [product], schema.MulOptionsT())
    file.op("FLOOR_DIV", [product, file.const("divisor", ints(divisor).reshape(()))], [rows],
            schema.FloorDivOptionsT())
    to = file.tensor("to", (3,), "int32")
    options = schema.PackOptionsT()
    options.valuesCount = 3
    file.op("PACK", [sizes[0], rows, file.const("width", ints(6).reshape(()))], [to], options)
    file.op("SLICE", [x, file.const("from", ints(0, 0, 0)), to], [y], schema.SliceOptionsT())
    return x, y


def test_shape_arithmetic_becomes_constants(tmp_path: Path) -> None:
    file = ModelFile()
    x, y = cut(file)
    path = file.write(tmp_path / "m.tflite", [x], [y])
    graph = read(path)
    assert [type(op) for op in graph.ops] == [Slice]
    assert all(v.supported for v in verdicts(path))
    values = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
    np.testing.assert_array_equal(run_float(graph, {"x": values})["y"], values[:, :2])


def test_division_of_sizes_by_zero_is_refused(tmp_path: Path) -> None:
    file = ModelFile()
    x, y = cut(file, divisor=0)
    with pytest.raises(UnsupportedError, match="divides by 0"):
        read(file.write(tmp_path / "m.tflite", [x], [y]))


def test_sizes_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    """Slices outside the shape end in a message, in the reader and in the verdicts."""
    file = ModelFile()
    x, y = file.tensor("x", (1, 4)), file.tensor("y", (1, 4))
    shape, size = file.tensor("shape", (2,), "int32"), file.tensor("size", (), "int32")
    file.op("SHAPE", [x], [shape], schema.ShapeOptionsT())
    options = schema.StridedSliceOptionsT()
    options.shrinkAxisMask = 1
    file.op("STRIDED_SLICE", [shape, *(file.const(n, ints(v)) for n, v in
                                       (("begin", 7), ("end", 8), ("step", 1)))], [size], options)
    file.op("RESHAPE", [x, size], [y])
    path = file.write(tmp_path / "m.tflite", [x], [y])
    with pytest.raises(EdgeqError):
        read(path)
    assert [v.supported for v in verdicts(path)] == [True, False, True]


def test_shapes_that_the_file_leaves_open(tmp_path: Path) -> None:
    """A converter declares (1, 1, 2) for (1, -1, 2); the sizes follow from the inputs."""
    file = ModelFile()
    x, flat = file.tensor("x", (1, 4, 6)), file.tensor("flat", (1, 1, 2))
    y, shape = file.tensor("y", (1, 1, 2)), file.tensor("shape", (3,), "int32")
    first, to = file.tensor("first", (), "int32"), file.tensor("to", (3,), "int32")
    file.op("SHAPE", [x], [shape], schema.ShapeOptionsT())
    options = schema.StridedSliceOptionsT()
    options.shrinkAxisMask = 1
    file.op("STRIDED_SLICE", [shape, *(file.const(n, ints(v)) for n, v in
                                       (("begin", 0), ("end", 1), ("step", 1)))], [first], options)
    pack = schema.PackOptionsT()
    pack.valuesCount = 3
    file.op("PACK", [first, file.const("open", ints(-1).reshape(())),
                     file.const("two", ints(2).reshape(()))], [to], pack)
    file.op("RESHAPE", [x, to], [flat])
    file.op("LOGISTIC", [flat], [y])
    graph = read(file.write(tmp_path / "m.tflite", [x], [y]))
    assert graph.tensor("y").shape == (1, 12, 2)
    values = np.linspace(-3, 3, 24, dtype=np.float32).reshape(1, 4, 6)
    np.testing.assert_allclose(run_float(graph, {"x": values})["y"].reshape(-1),
                               1 / (1 + np.exp(-values.reshape(-1))), rtol=1e-5)


def test_ranges_and_filled_shapes_become_constants(tmp_path: Path) -> None:
    """x + FILL(SHAPE(x), 2.5) + GATHER(x, RANGE(0, RANK(x), 1)) along the last axis, in part."""
    file = ModelFile()
    x, shape = file.tensor("x", (1, 3)), file.tensor("shape", (2,), "int32")
    file.op("SHAPE", [x], [shape], schema.ShapeOptionsT())
    filled = file.tensor("filled", (1, 3))
    file.op("FILL", [shape, file.const("value", np.array(2.5, np.float32))], [filled],
            schema.FillOptionsT())
    total = file.tensor("total", (1, 3))
    file.op("ADD", [x, filled], [total], schema.AddOptionsT())
    rank, places = file.tensor("rank", (), "int32"), file.tensor("places", (2,), "int32")
    file.op("RANK", [x], [rank], schema.RankOptionsT())
    file.op("RANGE", [file.const("from", ints(0).reshape(())), rank,
                      file.const("step", ints(1).reshape(()))], [places], schema.RangeOptionsT())
    options, y = schema.GatherOptionsT(), file.tensor("y", (1, 2))
    options.axis = 1
    file.op("GATHER", [total, places], [y], options)
    graph = read(file.write(tmp_path / "m.tflite", [x], [y]))
    values = np.array([[1, 2, 3]], np.float32)
    np.testing.assert_array_equal(run_float(graph, {"x": values})["y"], [[3.5, 4.5]])
