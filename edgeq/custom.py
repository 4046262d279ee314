"""Operators of the user's own: a Python class in a file or module, named by option or recipe."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from edgeq.errors import UsageError
from edgeq.ops.base import Op

_FIX = "see docs/custom-operators.md"


@dataclass(frozen=True)
class Custom:
    """A user's operator, and where it is from: FILE.py:CLASS (an absolute path), MODULE:CLASS."""

    spec: str
    op: type[Op]


def load_custom(spec: str) -> Custom:
    """The operator that `spec` names; raises UsageError where there is none that can be used."""
    where = f"custom operator {spec!r}"
    file, colon, name = spec.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise UsageError(where, "cannot be understood", "FILE.py:CLASS or MODULE:CLASS", _FIX)
    try:
        module = _from_file(Path(file)) if file.endswith(".py") else _module(file)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        line = (str(error).splitlines() or [""])[0]
        raise UsageError(where, f"{type(error).__name__}: {line}", "a module that can be imported",
                         _FIX) from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Op)):
        raise UsageError(where, f"{name} is no operator" if hasattr(module, name)
                         else f"has no {name}", "a subclass of edgeq.ops.base.Op", _FIX)
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing or inspect.isabstract(found):
        raise UsageError(where, f"does not define {', '.join(missing)}",
                         "shape, run, run_int and lower", _FIX)
    if not found.tflite_names and not found.onnx_names:
        raise UsageError(where, "names no node of a model", "tflite_names or onnx_names", _FIX)
    return Custom(spec, found)


def _from_file(path: Path) -> ModuleType:
    """The module in the file `path`; the same file gives the same module."""
    path = path.resolve()
    name = f"edgeq_custom_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module(name: str) -> ModuleType:
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(here)
