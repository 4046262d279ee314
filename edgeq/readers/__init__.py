"""Model files in, graphs out: the only part of edgeq that opens models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeq.custom import load_custom
from edgeq.errors import UnsupportedError
from edgeq.ir import Graph
from edgeq.ops.base import Shape
from edgeq.readers import tflite
from edgeq.readers.types import NO_OPTIONS, ReadOptions, Verdict

__all__ = ["NO_OPTIONS", "ReadOptions", "Verdict", "read", "tried_shapes", "verdicts",
           "with_custom"]


def read(path: str | Path, options: ReadOptions = NO_OPTIONS) -> Graph:
    """The graph in the file at `path`; raises ModelError (damaged) or UnsupportedError.

    `options` fixes open sizes and names states; UsageError where it does not fit the model.
    """
    path = Path(path)
    # here, because operators import readers.node before they exist
    from edgeq.explicit_states import opened
    from edgeq.passes.given_states import given_states
    from edgeq.passes.roll_up import roll_up
    from edgeq.readers import onnx

    graph = (onnx.read_onnx if _is_onnx(path) else tflite.read_tflite)(path, options)
    return given_states(roll_up(opened(graph, options.states)))


def with_custom(options: ReadOptions, specs: Sequence[str]) -> ReadOptions:
    """`options` and the user's operators that `specs` name; raises UsageError."""
    known = {c.spec for c in options.custom}
    more = tuple(load_custom(spec) for spec in dict.fromkeys(specs) if spec not in known)
    return replace(options, custom=(*options.custom, *more))


def verdicts(path: str | Path, options: ReadOptions = NO_OPTIONS) -> tuple[Verdict, ...]:
    """A verdict for every node of the file, in order; raises ModelError for a damaged file.

    Sizes that are open are taken as `tried_shapes` says.
    """
    path = Path(path)
    from edgeq.readers import onnx

    options = replace(options, shapes={**options.shapes, **tried_shapes(path, options)})
    return (onnx.verdicts if _is_onnx(path) else tflite.verdicts)(path, options)


def tried_shapes(path: str | Path, options: ReadOptions = NO_OPTIONS) -> dict[str, Shape]:
    """The shapes that `verdicts` tries for the inputs that `read` would ask a --shape for."""
    path = Path(path)
    from edgeq.readers import onnx_sizes

    return onnx_sizes.tried_sizes(path, options) if _is_onnx(path) else {}


def _is_onnx(path: Path) -> bool:
    """True for .onnx, False for .tflite; raises UnsupportedError for any other file."""
    suffix = path.suffix.lower()
    if suffix not in (".onnx", ".tflite"):
        found = ("a folder" if path.is_dir() else f"a file of kind {suffix!r}" if suffix
                 else "a file without a suffix")
        raise UnsupportedError(str(path), found,
                               "a .tflite model or an .onnx model",
                               "export the model to TensorFlow Lite or ONNX")
    return suffix == ".onnx"
