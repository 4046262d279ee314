"""Sparse weights of TFLite files written out: the TACO format of `SparsityParameters`."""

from __future__ import annotations

from math import prod

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ir import Array
from edgeq.ops.base import Shape

_INDICES = {tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
            tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
            tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector}


def dense(where: str, sparsity: tflite.SparsityParameters, shape: Shape, values: Array) -> Array:
    """`values`, the entries that the file stores, as the whole tensor with zeros between.

    Levels are walked in traversal order: a dense one visits every coordinate, a sparse one those
    between two of its segments. Axes from the rank on are blocks within the axis that the block
    map names. Raises ModelError where indices point outside. Source: Kjolstad et al. 2017 (TACO).
    """
    order = _numbers(sparsity.TraversalOrderAsNumpy())
    blocks = _numbers(sparsity.BlockMapAsNumpy())
    if sorted(order.tolist()) != list(range(len(shape) + len(blocks))):
        raise _bad(where, f"axes in the order {order.tolist()}")
    place = np.zeros(1, np.int64)  # of every path so far, within its level
    coordinates = np.zeros((len(order), 1), np.int64)  # (levels, paths)
    sizes = np.ones(len(order), np.int64)
    for level in range(len(order)):
        paths, at, place = _level(where, sparsity.DimMetadata(level), place)
        coordinates = coordinates[:, paths]
        coordinates[order[level]] = at
        sizes[order[level]] = max(sparsity.DimMetadata(level).DenseSize(), 1)
    if place.size > values.size or (place.size and place.max() >= values.size):
        raise _bad(where, f"{values.size} values for {place.size} places")
    index = coordinates[:len(shape)]
    for block, axis in enumerate(blocks.tolist()):
        index[axis] = index[axis] * sizes[len(shape) + block] + coordinates[len(shape) + block]
    if place.size and (index.max(1) >= shape).any():
        raise _bad(where, "a value outside the tensor")
    whole = np.zeros(prod(shape), values.dtype)
    whole[np.ravel_multi_index(tuple(index), shape)] = values[place]
    return whole.reshape(shape)


def _level(where: str, meta: tflite.DimensionMetadata, place: NDArray[np.int64]
           ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(path that each new path extends, its coordinate, its place within the level)."""
    if meta.Format() == tflite.DimensionType.DENSE:
        size = meta.DenseSize()
        at = np.tile(np.arange(size), place.size)
        return np.repeat(np.arange(place.size), size), at, np.repeat(place, size) * size + at
    segments = _vector(where, meta.ArraySegmentsType(), meta.ArraySegments())
    indices = _vector(where, meta.ArrayIndicesType(), meta.ArrayIndices())
    ends_fit = segments.size and (np.diff(segments) >= 0).all() and segments[-1] <= indices.size
    if not ends_fit or (place.size and place.max() + 1 >= segments.size):
        raise _bad(where, "segments that do not fit the values")
    counts = segments[place + 1] - segments[place]
    paths = np.repeat(np.arange(place.size), counts)
    first = np.cumsum(counts) - counts
    inside = np.arange(paths.size) - np.repeat(first, counts) + np.repeat(segments[place], counts)
    return paths, indices[inside], inside


def _vector(where: str, kind: int, table: object) -> NDArray[np.int64]:
    """One of the three vectors that hold segments and indices."""
    if kind not in _INDICES or table is None:
        raise _bad(where, f"indices of type {kind}")
    vector = _INDICES[kind]()
    vector.Init(table.Bytes, table.Pos)  # type: ignore[attr-defined]
    return _numbers(vector.ValuesAsNumpy())


def _numbers(values: object) -> NDArray[np.int64]:
    """A vector of the file; the flatbuffer package gives 0 for one that is absent."""
    return np.zeros(0, np.int64) if isinstance(values, int) else np.asarray(values, np.int64)


def _bad(where: str, found: str) -> ModelError:
    return ModelError(where, f"sparse weights with {found}", "a sparse tensor of TFLite's format",
                      "export without sparsity")
