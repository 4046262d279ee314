"""Arrays by name from .npz and .npy files and from Python functions, as they are."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgeq.errors import DataError
from edgeq.images import first_line
from edgeq.ir import Array

# what numpy raises for files that are damaged, pickled, or of another kind than their name says
_DAMAGED = (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, SyntaxError,
            NotImplementedError, zipfile.BadZipFile, zlib.error)
DATA_KINDS = "an .npz or .npy file, a folder of images with labels.csv, or module:function"


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file, by name; raises DataError."""
    if path.exists() and not zipfile.is_zipfile(path):
        raise _unreadable(path, ValueError("no archive of arrays"))
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _DAMAGED as err:
        raise _unreadable(path, err) from None


def read_npy(path: Path) -> Array:
    """The array of an .npy file, as a memory map; raises DataError."""
    try:
        array: Array = np.lib.format.open_memmap(path, mode="r")
    except _DAMAGED as err:
        raise _unreadable(path, err) from None
    return array


def _unreadable(path: Path, err: Exception) -> DataError:
    if isinstance(err, FileNotFoundError):
        return DataError(str(path), "does not exist", DATA_KINDS)
    return DataError(str(path), f"is not a readable {path.suffix} file ({first_line(err)})",
                     "arrays of numbers, saved with np.savez or np.save")


def call(spec: str) -> dict[str, Array]:
    """What `module:function` returns as x, (x, y), (x, y, group) or by name; raises DataError."""
    module, _, function = spec.partition(":")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        result = getattr(importlib.import_module(module), function)()
    except (Exception, SystemExit) as err:  # the user's code may raise anything
        raise DataError(spec, f"{type(err).__name__}: {first_line(err)}",
                        "module:function that returns x, (x, y) or (x, y, group)",
                        f"check that the module can be imported from {here}") from err
    finally:
        sys.path.remove(here)
    if isinstance(result, Mapping):
        return {str(k): np.asarray(v) for k, v in result.items()}
    parts = result if isinstance(result, tuple) else (result,)
    if not 1 <= len(parts) <= 3:
        raise DataError(spec, f"returned {len(parts)} values", "x, (x, y) or (x, y, group)")
    return {k: np.asarray(v) for k, v in zip(("x", "y", "group"), parts, strict=False)
            if v is not None}
