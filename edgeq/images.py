"""A folder of pictures with labels.csv as samples, decoded when they are asked for."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import DataError

_COLUMNS = "columns file,label[,group]"
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels -> Pillow's name


@dataclass(frozen=True)
class ImageSamples:
    """Pictures as uint8 samples of `shape` (height, width, channels)."""

    files: tuple[Path, ...]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.files)

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Pictures [start, stop), resized (bilinear) where their size differs."""
        out = np.empty((stop - start, *self.shape), np.uint8)
        for i, file in enumerate(self.files[start:stop]):
            out[i] = _read_image(file, self.shape)
        return out


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """What labels.csv lists."""

    samples: ImageSamples
    labels: NDArray[np.int64]  # (n,)
    groups: NDArray[np.str_] | None  # (n,)


def image_folder(folder: Path, shape: tuple[int, ...]) -> ImageFolder:
    """The pictures of `folder` for an input of `shape` without batch; raises DataError."""
    if len(shape) != 3 or shape[2] not in _MODES:
        raise DataError(str(folder), f"the model's input is {shape}",
                        "an image folder for a model that takes (height, width, 1, 3 or 4)",
                        "save the samples in an .npz file")
    table = folder / "labels.csv"
    rows = _read_table(table)
    files = tuple(folder / row["file"] for row in rows)
    for file in files:
        if not file.is_file():
            raise DataError(str(file), "does not exist", f"every file listed in {table}")
    labels = np.array([_label(row["label"], table, i) for i, row in enumerate(rows)], np.int64)
    groups = np.array([row["group"] for row in rows]) if "group" in rows[0] else None
    return ImageFolder(ImageSamples(files, shape), labels, groups)


def _read_table(table: Path) -> list[dict[str, str]]:
    """The rows by column name, blanks around names and values removed."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if any(line)]
    except FileNotFoundError:
        raise DataError(str(table), "does not exist", _COLUMNS) from None
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise DataError(str(table), f"is not a readable table ({first_line(err)})",
                        _COLUMNS) from None
    columns = lines[0] if lines else []
    if "file" not in columns or "label" not in columns:
        raise DataError(str(table), f"has columns {', '.join(columns) or '(none)'}", _COLUMNS)
    for i, line in enumerate(lines[1:]):
        if len(line) != len(columns):
            raise DataError(f"{table}, row {i + 1}", f"{len(line)} cells", f"{len(columns)} cells")
    if len(lines) < 2:
        raise DataError(str(table), "holds no samples", "at least one row")
    return [dict(zip(columns, line, strict=True)) for line in lines[1:]]


def _label(text: str, table: Path, row: int) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{table}, row {row + 1}", f"label {text!r}", "a whole number") from None


def _read_image(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError:
        raise DataError(str(file), "Pillow is not installed", "",
                        "pip install 'edgeq[image]'") from None
    height, width, channels = shape
    try:
        with Image.open(file) as image:
            picture = image.convert(_MODES[channels])
            if picture.size != (width, height):
                picture = picture.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(picture, np.uint8).reshape(shape)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        raise DataError(str(file), f"is not a readable image ({first_line(err)})",
                        "a picture that Pillow opens") from None


def first_line(err: BaseException) -> str:
    """The first line of an exception's text, or its kind."""
    return (str(err).splitlines() or [type(err).__name__])[0]
