"""Samples: every source gives the same batches; every damage gives one DataError that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.dataset import Preprocess, load_dataset
from edgeq.errors import DataError
from edgeq.ir import Graph, Tensor

PLAIN = Preprocess()
RNG = np.random.default_rng(5)


def graph_of(*shapes: tuple[int, ...]) -> Graph:
    """A graph without operators: inputs a, b, ... of `shapes`; the first is also the output."""
    names = tuple("abcd"[: len(shapes)])
    tensors = {n: Tensor(n, shape) for n, shape in zip(names, shapes, strict=True)}
    return Graph(tensors, (), names, names[:1])


FLAT = graph_of((1, 6))
IMAGE = graph_of((1, 4, 5, 3))


def save(folder: Path, **arrays: np.ndarray) -> str:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return str(path)


def test_npz_gives_samples_labels_and_groups(tmp_path: Path) -> None:
    x = RNG.normal(size=(5, 6)).astype(np.float32)
    data = load_dataset(save(tmp_path, x=x, y=np.arange(5), group=np.array(list("aabbb"))),
                        PLAIN, FLAT)
    assert len(data) == 5
    np.testing.assert_array_equal(data.real()["a"], x)
    assert data.y is not None
    assert data.group is not None
    assert data.y.tolist() == [0, 1, 2, 3, 4]
    assert data.group.tolist() == ["a", "a", "b", "b", "b"]


def test_batches_join_to_the_whole(tmp_path: Path) -> None:
    x = RNG.normal(size=(7, 6)).astype(np.float32)
    data = load_dataset(save(tmp_path, x=x), PLAIN, FLAT)
    parts = list(data.batches(3))
    assert [start for start, _ in parts] == [0, 3, 6]
    np.testing.assert_array_equal(np.concatenate([b["a"] for _, b in parts]), x)


def test_npy_and_function_give_what_npz_gives(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = RNG.normal(size=(3, 6)).astype(np.float32)
    np.save(tmp_path / "data.npy", x)
    (tmp_path / "my_samples.py").write_text(
        "import numpy as np\ndef pair():\n    return np.load('data.npy'), [0, 1, 2]\n"
        "def alone():\n    return np.load('data.npy')\n")
    monkeypatch.chdir(tmp_path)
    for spec in ("data.npy", "my_samples:pair", "my_samples:alone"):
        np.testing.assert_array_equal(load_dataset(spec, PLAIN, FLAT).real()["a"], x)
    labels = load_dataset("my_samples:pair", PLAIN, FLAT).y
    assert labels is not None
    assert labels.tolist() == [0, 1, 2]


def test_two_inputs_come_by_name(tmp_path: Path) -> None:
    graph = graph_of((1, 6), (1, 2))
    a, b = np.ones((4, 6), np.float32), np.zeros((4, 2), np.float32)
    data = load_dataset(save(tmp_path, a=a, b=b), PLAIN, graph)
    assert {k: v.shape for k, v in data.real().items()} == {"a": (4, 6), "b": (4, 2)}
    with pytest.raises(DataError, match="arrays named a, b"):
        load_dataset(save(tmp_path, a=a), PLAIN, graph)
    with pytest.raises(DataError, match="different lengths"):
        load_dataset(save(tmp_path, a=a, b=b[:3]), PLAIN, graph)


@pytest.mark.parametrize(("model", "given"), [
    ((1, 4, 5, 1), (4, 5)), ((1, 4, 5), (4, 5, 1)), ((1, 4, 5), (4, 5))])
def test_channel_of_one_may_be_missing(
        tmp_path: Path, model: tuple[int, ...], given: tuple[int, ...]) -> None:
    data = load_dataset(save(tmp_path, x=np.zeros((2, *given))), PLAIN, graph_of(model))
    assert data.real()["a"].shape == (2, *model[1:])


def test_affine_preprocessing_per_channel(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    prep = Preprocess((1 / 255, 2.0, 3.0), (0.0, -1.0, 0.5))
    real = load_dataset(save(tmp_path, x=x), prep, IMAGE).real()["a"]
    np.testing.assert_allclose(real[..., 0], x[..., 0] / 255, rtol=1e-6)
    np.testing.assert_allclose(real[..., 1], x[..., 1] * 2.0 - 1, rtol=1e-6)
    np.testing.assert_allclose(real[..., 2], x[..., 2] * 3.0 + 0.5, rtol=1e-6)
    with pytest.raises(DataError, match="2 values"):
        load_dataset(save(tmp_path, x=x), Preprocess((1.0, 2.0)), IMAGE).real()


def image_folder(folder: Path, rows: list[str], header: str = "file,label,group") -> None:
    image = pytest.importorskip("PIL.Image")
    for name, size, value in (("one.png", (5, 4), 10), ("two.png", (10, 8), 200)):
        image.new("RGB", size, (value, 0, 255)).save(folder / name)
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")


def test_image_folder_is_resized_to_the_input(tmp_path: Path) -> None:
    image_folder(tmp_path, ["one.png,3,x", " two.png, 1, y"])
    data = load_dataset(str(tmp_path), Preprocess(label_offset=1), IMAGE)
    real = data.real()["a"]
    assert real.shape == (2, 4, 5, 3)
    assert real[0, 0, 0].tolist() == [10, 0, 255]
    assert real[1, 3, 4].tolist() == [200, 0, 255]
    assert data.y is not None
    assert data.group is not None
    assert data.y.tolist() == [4, 2]
    assert data.group.tolist() == ["x", "y"]
    gray = load_dataset(str(tmp_path), PLAIN, graph_of((1, 4, 5, 1))).real()["a"]
    assert gray.shape == (2, 4, 5, 1)


@pytest.mark.parametrize(("header", "rows", "message"), [
    ("name,label", ["one.png,3"], "has columns name, label"),
    ("file,label", [], "holds no samples"),
    ("file,label", ["three.png,0"], "three.png: does not exist"),
    ("file,label", ["one.png"], "row 1: 1 cells"),
    ("", [], r"has columns \(none\)"),
    ("file,label", ["one.png,cat"], "row 1: label 'cat'"),
    ("file,label", ["one.png,60"], "sample 0: label 60"),
    ("file,label", ["labels.csv,0"], "is not a readable image"),
])
def test_damaged_image_folder(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    image_folder(tmp_path, rows, header)
    with pytest.raises(DataError, match=message):
        load_dataset(str(tmp_path), PLAIN, IMAGE).real()


def test_image_folder_without_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv: does not exist"):
        load_dataset(str(tmp_path), PLAIN, IMAGE)


def write_npy(path: Path) -> str:
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 6)))
    return str(path)


def write_text(path: Path) -> str:
    path.write_text("hello\n")
    return str(path)


def write_junk(path: Path) -> str:
    path.write_bytes(b"PK\x03\x04 this is no archive")
    return str(path)


Make = Callable[[Path], str]
BROKEN: list[tuple[Make, str]] = [
    (lambda d: str(d / "none.npz"), "does not exist"),
    (lambda d: str(d / "none.npy"), "does not exist"),
    (lambda d: str(d / "none"), "does not exist"),
    (lambda d: write_junk(d / "junk.npz"), "not a readable .npz"),
    (lambda d: write_text(d / "text.npz"), r"not a readable .npz file \(no archive"),
    (lambda d: write_junk(d / "junk.npy"), "not a readable .npy"),
    (lambda d: write_junk(d / "junk.txt"), "not a kind of data"),
    (lambda d: save(d, z=np.zeros((2, 6))), "holds z"),
    (lambda d: save(d, x=np.zeros((0, 6))), "holds no samples"),
    (lambda d: save(d, x=np.zeros((2, 7))), r"shape \(7,\); allowed: \(6,\)"),
    (lambda d: save(d, x=np.zeros((2, 6), "U3")), "type <U3"),
    (lambda d: save(d, x=np.array([[object()] * 6])), "not a readable .npz"),
    (lambda d: save(d, x=np.full((2, 6), np.nan)), "sample 0: contains NaN"),
    (lambda d: save(d, x=np.diag([0, 0, 0, np.inf, 0, 0])), "sample 3: contains an infinity"),
    (lambda d: save(d, x=np.full((2, 6), 1e37)), "sample 0: contains values up to 1e"),
    (lambda d: save(d, x=np.full((2, 6), 1e300)), "sample 0: contains an infinity"),
    (lambda d: write_npy(d / "array.npz"), "not a readable .npz"),
    (lambda d: save(d, x=np.zeros((2, 6)), y=np.array([0, 6])), "sample 1: label 6"),
    (lambda d: save(d, x=np.zeros((2, 6)), y=np.array([0, -1])), "sample 1: label -1"),
    (lambda d: save(d, x=np.zeros((2, 6)), y=np.array([0, 0.5])), "not whole numbers"),
    (lambda d: save(d, x=np.zeros((2, 6)), y=np.zeros((2, 6))), "have shape"),
    (lambda d: save(d, x=np.zeros((2, 6)), y=np.zeros(3)), "different lengths"),
    (lambda d: "no_such_module:f", "No module named"),
    (lambda d: "os:no_such_function", "no_such_function"),
    (lambda d: "os:getcwd", "numbers"),
]


@pytest.mark.parametrize(("make", "message"), BROKEN)
def test_broken_data_is_named(tmp_path: Path, make: Make, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(make(tmp_path), PLAIN, FLAT).real()


def test_random_is_the_same_each_time_and_says_so() -> None:
    one, two = (load_dataset("random", PLAIN, FLAT) for _ in range(2))
    assert one.is_random
    np.testing.assert_array_equal(one.real()["a"], two.real()["a"])


@pytest.mark.parametrize("scale", [(0.0,), (float("nan"),), (float("inf"), 1.0, 1.0)])
def test_scales_that_cannot_be(scale: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="--scale"):
        Preprocess(scale)
