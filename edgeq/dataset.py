"""Samples from .npz, .npy, an image folder or a Python function, checked against the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeq.arrays import DATA_KINDS, call, read_npy, read_npz
from edgeq.errors import DataError
from edgeq.images import image_folder
from edgeq.ir import Array, Graph

Shape = tuple[int, ...]
Floats = NDArray[np.float32]

RANDOM = "random"
RANDOM_SAMPLES = 32
_LARGEST = 1e15  # squares of sums of these are float32 numbers still


class Samples(Protocol):
    """n raw samples of one model input, read when asked for."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Array:
        """Raw samples [start, stop) as (stop - start, *input shape without batch)."""


@dataclass(frozen=True)
class Preprocess:
    """real = scale * x + offset, one value or one per channel; labels get `label_offset` added."""

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    label_offset: int = 0

    def __post_init__(self) -> None:
        if not all(np.isfinite(self.scale)) or 0.0 in self.scale:
            raise DataError("--scale", f"{self.scale}", "finite numbers other than 0")
        if not all(np.isfinite(self.offset)):
            raise DataError("--offset", f"{self.offset}", "finite numbers")

    def apply(self, x: Array) -> Floats:
        """Real values float32 (n, ...) of the raw samples `x`."""
        if self.scale == (1.0,) and self.offset == (0.0,):
            return _float32(x)
        for option, values in (("--scale", self.scale), ("--offset", self.offset)):
            if len(values) not in (1, x.shape[-1]):
                raise DataError(option, f"{len(values)} values",
                                f"one, or one for each of the {x.shape[-1]} channels")
        scale, offset = np.array(self.scale), np.array(self.offset)
        return _float32(x.astype(np.float64) * scale + offset)


def _float32(x: Array) -> Floats:
    """`x` in float32; what is too large becomes an infinity, which the checks refuse."""
    with np.errstate(over="ignore"):
        return x.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples for every model input, with labels and groups where the source has them."""

    x: Mapping[str, Samples]
    preprocess: Preprocess = Preprocess()
    y: NDArray[np.int64] | None = None  # (n,) class indices of output 0, offset applied
    group: NDArray[np.str_] | None = None  # (n,)
    source: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))

    @property
    def is_random(self) -> bool:
        return self.source == RANDOM

    def real(self, start: int = 0, stop: int | None = None) -> dict[str, Floats]:
        """Preprocessed samples [start, stop) by input name; DataError names a bad sample."""
        end = len(self) if stop is None else min(stop, len(self))
        batch: dict[str, Floats] = {}
        for name, samples in self.x.items():
            real = self.preprocess.apply(samples.read(start, end))
            _check_finite(real, start, self.source)
            batch[name] = real
        return batch

    def take(self, rows: Sequence[int]) -> Dataset:
        """The samples `rows`, in this order; each may come several times."""
        at = np.asarray(rows, np.int64)
        return replace(self, x={n: _Rows(s, tuple(map(int, rows))) for n, s in self.x.items()},
                       y=None if self.y is None else self.y[at],
                       group=None if self.group is None else self.group[at])

    def batches(self, size: int) -> Iterator[tuple[int, dict[str, Floats]]]:
        """(index of the first sample, preprocessed samples) in runs of at most `size`."""
        for start in range(0, len(self), size):
            yield start, self.real(start, start + size)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some samples of another source."""

    source: Samples
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, start: int, stop: int) -> Array:
        return np.concatenate([self.source.read(i, i + 1) for i in self.rows[start:stop]])


def load_dataset(spec: str, preprocess: Preprocess, graph: Graph) -> Dataset:
    """The samples that `spec` names, shaped for the inputs of `graph`.

    `spec` is a file, a folder, module:function or "random". Raises DataError.
    """
    if spec == RANDOM:
        return _random(preprocess, graph)
    path = Path(spec)
    y: Array | None
    group: Array | None
    x: Mapping[str, Samples]
    if path.is_dir():
        x, y, group = _pictures(path, graph)
    elif path.suffix == ".npz":
        x, y, group = _arrays(read_npz(path), graph, spec)
    elif path.suffix == ".npy":
        x, y, group = _arrays({"x": read_npy(path)}, graph, spec)
    elif ":" in spec and not path.exists():
        x, y, group = _arrays(call(spec), graph, spec)
    else:
        found = "is not a kind of data that edgeq reads" if path.exists() else "does not exist"
        raise DataError(spec, found, DATA_KINDS)
    data = Dataset(x, preprocess, _labels(y, preprocess, graph, spec),
                   None if group is None else group.astype(np.str_), spec)
    _check_lengths(data, spec)
    return data


@dataclass(frozen=True, eq=False)
class ArraySamples:
    data: Array  # (n, *sample); may be a memory map
    shape: Shape  # of one sample, as the model takes it

    def __len__(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> Array:
        part = np.asarray(self.data[start:stop])
        return part.reshape(len(part), *self.shape)


def _random(preprocess: Preprocess, graph: Graph) -> Dataset:
    """Uniform noise in [0, 1): enough to see a build work, not to choose ranges by."""
    rng = np.random.default_rng(0)
    x: dict[str, Samples] = {}
    for name in graph.ins:
        shape = _sample_shape(graph, name)
        x[name] = ArraySamples(rng.random((RANDOM_SAMPLES, *shape), np.float32), shape)
    return Dataset(x, preprocess, source=RANDOM)


Loaded = tuple[dict[str, Samples], Array | None, Array | None]


def _arrays(arrays: Mapping[str, Array], graph: Graph, spec: str) -> Loaded:
    x: dict[str, Samples] = {}
    for name in graph.ins:
        key = "x" if len(graph.ins) == 1 and "x" in arrays else name
        if key not in arrays:
            want = ", ".join(graph.ins) if len(graph.ins) > 1 else "x"
            raise DataError(spec, f"holds {', '.join(arrays) or 'nothing'}", f"arrays named {want}",
                            "save one array for each input of the model")
        shape = _sample_shape(graph, name)
        data = _in_order(arrays[key], shape, graph.moved.get(name))
        x[name] = _fit(data, shape, f"{spec}, array {key!r}")
    return x, arrays.get("y"), arrays.get("group")


def _in_order(data: Array, shape: Shape, moved: Shape | None) -> Array:
    """`data` with its axes as the graph has them where it comes in the file's order.

    `moved` is the graph's entry for the input (an ONNX model has channels first, its graph
    channels last). Data that fits the graph as it is stays; a size of 1 may be missing.
    """
    found = data.shape[1:]
    if moved is None or len(moved) != data.ndim or found == shape:
        return data
    in_file = tuple(shape[a - 1] for a in moved[1:])
    return data.transpose(np.argsort(moved)) if found == in_file else data


def _fit(data: Array, shape: Shape, where: str) -> ArraySamples:
    """`data` as samples of `shape`; a channel dimension of 1 may be missing or left over."""
    if data.dtype.kind not in "fiub":
        raise DataError(where, f"has type {data.dtype}", "numbers")
    if data.ndim == 0 or len(data) == 0:
        raise DataError(where, "holds no samples", "at least one sample")
    found = data.shape[1:]
    if found != shape and (*found, 1) != shape and found != (*shape, 1):
        raise DataError(where, f"has samples of shape {found}", f"{shape}, as the model's input",
                        "reshape or resize the samples")
    return ArraySamples(data, shape)


def _pictures(folder: Path, graph: Graph) -> Loaded:
    if len(graph.ins) != 1:
        raise DataError(str(folder), f"the model has {len(graph.ins)} inputs",
                        "an image folder for a model with one", "save the inputs in an .npz file")
    found = image_folder(folder, _sample_shape(graph, graph.ins[0]))
    return {graph.ins[0]: found.samples}, found.labels, found.groups


def _labels(y: Array | None, preprocess: Preprocess, graph: Graph,
            spec: str) -> NDArray[np.int64] | None:
    """Labels with the offset added, all of them classes of output 0."""
    if y is None:
        return None
    where = f"{spec}, labels"
    if y.ndim != 1 or y.dtype.kind not in "fiub":
        raise DataError(where, f"have shape {y.shape} and type {y.dtype}",
                        "one whole number a sample")
    if y.dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        raise DataError(where, "are not whole numbers", "one whole number a sample")
    labels = y.astype(np.int64) + preprocess.label_offset
    classes = graph.tensor(graph.outs[0]).size
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        i = int(bad[0])
        raise DataError(f"{where}, sample {i}", f"label {int(labels[i])}",
                        f"0 to {classes - 1}, as the model has {classes} outputs",
                        "set --label-offset, or correct the labels")
    return labels


def _sample_shape(graph: Graph, name: str) -> Shape:
    """Shape of one sample: the input without its batch dimension."""
    return graph.tensor(name).shape[1:]


def _check_lengths(data: Dataset, spec: str) -> None:
    parts: dict[str, int] = {name: len(samples) for name, samples in data.x.items()}
    if data.y is not None:
        parts["y"] = len(data.y)
    if data.group is not None:
        parts["group"] = len(data.group)
    if len(set(parts.values())) > 1:
        found = ", ".join(f"{name}: {n}" for name, n in parts.items())
        raise DataError(spec, f"arrays of different lengths ({found})",
                        "one entry a sample in every array")


def _check_finite(real: Floats, start: int, source: str) -> None:
    rows = real.reshape(len(real), -1)
    good = (np.abs(rows) <= _LARGEST).all(1)  # NaN is not
    if not good.all():
        i = int(np.flatnonzero(~good)[0])
        what = ("NaN" if np.isnan(rows[i]).any() else "an infinity" if np.isinf(rows[i]).any()
                else f"values up to {np.abs(rows[i]).max():g}")
        raise DataError(f"{source}, sample {start + i}", f"contains {what}",
                        f"finite numbers up to {_LARGEST:g}", "remove or repair the sample")
