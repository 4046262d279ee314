"""Sparse weights of TFLite files are the dense ones they stand for, whatever their layout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_writer import Value, single_op

from edgeq.errors import ModelError
from edgeq.readers import read

VECTORS = (("Int32Vector", schema.Int32VectorT), ("Uint16Vector", schema.Uint16VectorT),
           ("Uint8Vector", schema.Uint8VectorT))


@dataclass(frozen=True)
class Layout:
    """How the test stores a matrix: order of the levels, which are sparse, blocks of columns."""

    order: tuple[int, ...]
    sparse: tuple[bool, ...]
    block: int  # 1: none; else columns a block, as a third, dense level
    vector: int


def encoded(w: np.ndarray, how: Layout) -> tuple[schema.SparsityParametersT, np.ndarray]:
    """The matrix `w` as the format describes it, level by level, and its stored values."""
    rows, cols = w.shape[0], w.shape[1] // how.block
    sizes = (rows, cols, how.block)
    order = (*how.order, 2) if how.block > 1 else how.order
    sparse = (*how.sparse, False)
    made = schema.SparsityParametersT()
    made.traversalOrder = list(order)
    made.blockMap = [1] if how.block > 1 else []
    made.dimMetadata = []
    paths: list[tuple[int, ...]] = [()]  # coordinates in the order of the levels

    def lives(path: tuple[int, ...]) -> bool:
        at = dict(zip(order, path, strict=False))
        ranges = [range(sizes[axis]) if axis not in at else (at[axis],) for axis in range(3)]
        return any(w[r, c * how.block + b] for r, c, b in product(*ranges))

    for level, axis in enumerate(order):
        meta = schema.DimensionMetadataT()
        longer = [[(*p, i) for i in range(sizes[axis])] for p in paths]
        if sparse[level]:
            longer = [[p for p in group if lives(p)] for group in longer]
            kind, make = VECTORS[how.vector]
            meta.format = schema.DimensionType.SPARSE_CSR
            meta.arraySegments, meta.arrayIndices = make(), make()
            meta.arraySegments.values = np.cumsum([0, *map(len, longer)]).tolist()
            meta.arrayIndices.values = [p[-1] for group in longer for p in group]
            meta.arraySegmentsType = meta.arrayIndicesType = getattr(
                schema.SparseIndexVector, kind)
        else:
            meta.format, meta.denseSize = schema.DimensionType.DENSE, sizes[axis]
        made.dimMetadata.append(meta)
        paths = [p for group in longer for p in group]
    places = [dict(zip(order, p, strict=True)) for p in paths]
    values = [w[at[0], at[1] * how.block + at.get(2, 0)] for at in places]
    return made, np.array(values, w.dtype)


def model(w: np.ndarray, sparsity: schema.SparsityParametersT, values: np.ndarray) -> bytes:
    """A dense layer with the sparse weights `w`, of which the file holds `values`."""
    options = schema.FullyConnectedOptionsT()
    blob = single_op("FULLY_CONNECTED", (
        Value("x", (1, w.shape[1])), Value("w", w.shape, data=w),
        Value("b", (w.shape[0],), data=np.zeros(w.shape[0], np.float32))),
        (Value("y", (1, w.shape[0])),), options)
    made = schema.ModelT.InitFromObj(schema.Model.GetRootAs(blob, 0))
    weights = made.subgraphs[0].tensors[1]
    weights.sparsity = sparsity
    made.buffers[weights.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def weights_of(blob: bytes, folder: Path) -> np.ndarray:
    path = folder / "sparse.tflite"
    path.write_bytes(blob)
    return read(path).const("w")


layouts = st.builds(Layout, st.sampled_from([(0, 1), (1, 0)]),
                    st.tuples(st.booleans(), st.booleans()), st.sampled_from([1, 4]),
                    st.integers(0, 2))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(layouts, st.integers(1, 6), st.integers(1, 5), st.integers(0, 1 << 30))
def test_dense_again(tmp_path_factory: pytest.TempPathFactory, how: Layout, rows: int, cols: int,
                     seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (rows, cols * how.block)
    w = (rng.normal(0, 1, shape) * (rng.random(shape) < 0.3)).astype(np.float32)
    got = weights_of(model(w, *encoded(w, how)), tmp_path_factory.getbasetemp())
    np.testing.assert_array_equal(got, w)


W = np.diag(np.arange(1, 5)).astype(np.float32)
ROWS = Layout((0, 1), (False, True), 1, 0)


@pytest.mark.parametrize("damage", ["column", "segment", "order", "values"])
def test_damage_is_named(damage: str, tmp_path: Path) -> None:
    sparsity, values = encoded(W, ROWS)
    meta = sparsity.dimMetadata[1]
    if damage == "column":
        meta.arrayIndices.values = [0, 1, 2, 9]
    elif damage == "segment":
        meta.arraySegments.values = [0, 1, 2, 3, 7]
    elif damage == "order":
        sparsity.traversalOrder = [0, 5]
    else:
        values = values[:2]
    with pytest.raises(ModelError, match="sparse weights with"):
        weights_of(model(W, sparsity, values), tmp_path)
